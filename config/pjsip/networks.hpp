/*
 * Networks as Python says them, and as packets are compared with them.
 */
#ifndef GATEWAY_NETWORKS_HPP
#define GATEWAY_NETWORKS_HPP

#include <pjsua-lib/pjsua_internal.h>
extern "C" {
#include "follow.h"
}
#include <string>
#include <vector>

/* Address and length by turns: "10.0.0.0", "8". */
typedef std::vector<std::string> NetworkWords;
typedef std::vector<struct network> Networks;

static Networks parseNetworks(const NetworkWords &words)
{
    Networks networks;

    for (size_t i = 0; i + 1 < words.size(); i += 2) {
        const int length = atoi(words[i + 1].c_str());
        const pj_str_t text = { (char *)words[i].data(), (pj_ssize_t)words[i].size() };
        struct network network;
        network.mask = length ? 0xFFFFFFFFu << (32 - length) : 0;
        network.address = pj_ntohl(pj_inet_addr(&text).s_addr) & network.mask;
        networks.push_back(network);
    }
    return networks;
}

#endif
