/*
 * How much strangers are worth: requests from addresses that no trunk allows are handed on (to their 403, 405 or 481) so
 * many times a second, and beyond that there is silence. It stands before everything else that PJSIP does with a message.
 */
#ifndef GATEWAY_DOOR_HPP
#define GATEWAY_DOOR_HPP

#include <pjsua-lib/pjsua_internal.h>
#include <string>
#include <vector>

struct Door
{
    struct Network
    {
        pj_uint32_t address, mask;
    };

    std::vector<Network> allowed;
    unsigned answers;      /* a second, and at once */
    double left;
    pj_timestamp filled;
    unsigned dropped;      /* since it was last asked */
    std::string source;    /* of the last one */

    bool knows(pj_uint32_t address) const
    {
        for (size_t i = 0; i < allowed.size(); ++i) {
            if ((address & allowed[i].mask) == allowed[i].address)
                return true;
        }
        return false;
    }

    /* A bucket that holds a second's worth. */
    bool answersNow()
    {
        pj_timestamp now;
        pj_get_timestamp(&now);
        left += answers * (pj_elapsed_usec(&filled, &now) / 1e6);
        left = left > answers ? answers : left;
        filled = now;
        if (left < 1)
            return false;
        left -= 1;
        return true;
    }
};

static Door door;

/* An ACK asks for nothing, and whom we call may speak in the dialog without being allowed to call. */
static bool isExpected(pjsip_rx_data *rdata)
{
    const pj_str_t *ours = &rdata->msg_info.to->tag;

    if (rdata->msg_info.msg->line.req.method.id == PJSIP_ACK_METHOD)
        return true;
    return ours->slen && pjsip_ua_find_dialog(&rdata->msg_info.cid->id, ours, &rdata->msg_info.from->tag, PJ_FALSE);
}

static pj_bool_t atDoor(pjsip_rx_data *rdata)
{
    const pj_sockaddr *source = &rdata->pkt_info.src_addr;

    if (!door.answers || source->addr.sa_family != pj_AF_INET() || door.knows(pj_ntohl(source->ipv4.sin_addr.s_addr)))
        return PJ_FALSE;
    if (isExpected(rdata) || door.answersNow())
        return PJ_FALSE;
    ++door.dropped;
    door.source = rdata->pkt_info.src_name;
    return PJ_TRUE;
}

/* `allowed` are the networks of all trunks, as address and length by turns: "10.0.0.0", "8". */
void sipSetDoor(const std::vector<std::string> &allowed, unsigned answers)
{
    static pjsip_module module;
    std::vector<Door::Network> networks;

    for (size_t i = 0; i + 1 < allowed.size(); i += 2) {
        const int length = atoi(allowed[i + 1].c_str());
        const pj_str_t text = { (char *)allowed[i].data(), (pj_ssize_t)allowed[i].size() };
        Door::Network network;
        network.mask = length ? 0xFFFFFFFFu << (32 - length) : 0;
        network.address = pj_ntohl(pj_inet_addr(&text).s_addr) & network.mask;
        networks.push_back(network);
    }
    door.allowed = networks;
    if (!door.answers) {
        door.left = answers;
        pj_get_timestamp(&door.filled);
        module.name = pj_str((char *)"gateway-door");
        module.id = -1;
        module.priority = PJSIP_MOD_PRIORITY_TRANSPORT_LAYER + 1;
        module.on_rx_request = &atDoor;
        pjsip_endpt_register_module(pjsua_var.endpt, &module);
    }
    door.answers = answers;
}

/* How many requests got no answer since the last time that this was asked. */
unsigned sipTakeDropped()
{
    const unsigned dropped = door.dropped;
    door.dropped = 0;
    return dropped;
}

/* Where the last of them came from. */
std::string sipLastDropped()
{
    return door.source;
}

#endif
