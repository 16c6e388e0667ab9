/*
 * Networks of IPv4 in which a peer may be, and the streams that follow a peer there (follow.c).
 */
#ifndef GATEWAY_FOLLOW_H
#define GATEWAY_FOLLOW_H

#include <pjmedia/stream.h>

PJ_BEGIN_DECL

/* Host order. */
struct network
{
    pj_uint32_t address, mask;
};

struct followed
{
    unsigned count;
    struct network networks[1];  /* as many as `count` says */
};

/* Whether one of so many networks has this address. */
PJ_INLINE(pj_bool_t) networks_have(const struct network *networks, unsigned count, const pj_sockaddr *address)
{
    unsigned i;

    if (address->addr.sa_family != pj_AF_INET())
        return PJ_FALSE;
    for (i = 0; i < count; ++i) {
        if ((pj_ntohl(address->ipv4.sin_addr.s_addr) & networks[i].mask) == networks[i].address)
            return PJ_TRUE;
    }
    return PJ_FALSE;
}

/* Take the place from which RTP arrives first, if it is in one of these networks, for the peer's, whatever its SDP says.
 * Once for each stream, and not after packets came from where SDP says. Harmless to repeat. */
PJ_DECL(void) pjmedia_stream_follow(pjmedia_stream *stream, const struct network *networks, unsigned count);

/* Packets that were not taken, as they came from elsewhere or were not encrypted as the peer's are. Of a stream that ends. */
PJ_DECL(unsigned) pjmedia_stream_refused(const pjmedia_stream *stream);

/* Those of a transport that decrypts, since this was last asked; 0 of any other. */
PJ_DECL(unsigned) pjmedia_transport_take_refused(pjmedia_transport *transport);

PJ_END_DECL

#endif
