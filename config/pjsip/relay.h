/*
 * Audio passed on as the packets it came in, from one stream to another of the same codec (relay.c). What other code may
 * ask of it, and what a stream (pjmedia_stream) keeps for it.
 */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include <pjmedia/stream.h>

PJ_BEGIN_DECL

/* Pass on what arrives at each of two streams to the other; both leave whomever they did that with before. False, and
 * neither passes anything on, when their audio is not alike: then it takes the conference bridge. Harmless to repeat. */
PJ_DECL(pj_bool_t) pjmedia_stream_relay(pjmedia_stream *one, pjmedia_stream *other);

/* Pass nothing on any more; what leaves comes from the conference bridge again. */
PJ_DECL(void) pjmedia_stream_relay_stop(pjmedia_stream *stream);

/* Milliseconds since RTP arrived last, or since the stream began; 0 while the peer is not meant to send any. */
PJ_DECL(unsigned) pjmedia_stream_silent_msec(const pjmedia_stream *stream);

PJ_END_DECL

struct relay
{
    pjmedia_stream *peer;   /* Its packets leave here, and what arrives here leaves there. */
    pj_bool_t passing;      /* Whether the peer's packets leave here now, and nothing else does. */
    pj_bool_t framing;      /* While put_frame of upstream is at work. */
    pj_bool_t sending;      /* While a packet of the peer's is on its way out. */

    /* Of what arrived at the peer and left here: */
    pj_bool_t following;    /* Whether the next packet is numbered after the last one, as its source did. */
    pj_uint32_t ssrc;       /* The source; network order. */
    pj_uint16_t seq;        /* Its number of the packet that left last. */
    pj_uint32_t ts;         /* And the time in that. */
    unsigned past;          /* How many numbers before that one a packet that is late may still have. */

    pj_timestamp sent;      /* When the time in what leaves here was right. */
    pj_timestamp heard;     /* When RTP arrived here last. */
};

#endif
