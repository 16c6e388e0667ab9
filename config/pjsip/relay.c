/*
 * Audio passed on as the packets it came in: nothing is decoded, kept in a jitter buffer, or sent by a clock, and where
 * nothing arrives nothing leaves. Part of pjmedia/src/pjmedia/stream.c (see relay.patch), as it needs what is private to a
 * stream. It stands below the conference bridge and above SRTP, behind the statistics of what arrives.
 *
 * What leaves has the SSRC, payload types and numbers of the stream that it leaves by. A gap, a late packet and a pause
 * stay what they are; another source (a re-INVITE, a transfer) goes on where the one before it ended, so that the
 * receiver hears one stream.
 *
 * Threads. Packets are passed on by the thread that received them. Streams are joined and destroyed by the SIP thread.
 * relay_mutex guards every `struct relay`, and with it the numbers of what leaves (enc->rtp) while `passing`; when it is
 * not, they belong to put_frame as in upstream. Whose they are changes between two frames only, and between two packets:
 * a transport is used by one thread at a time, as that of SRTP encrypts in one place and sends from there. Nothing is sent
 * while the mutex is held: a reference keeps the stream until that is done.
 */
#include <pthread.h>
#include "rest.h"

static pthread_mutex_t relay_mutex = PTHREAD_MUTEX_INITIALIZER;

static void check_tx_rtcp(pjmedia_stream *stream, pj_uint32_t timestamp);
static pj_status_t put_frame(pjmedia_port *port, pjmedia_frame *frame);
static void relay_choose(pjmedia_stream *stream);

static void relay_init(pjmedia_stream *stream)
{
    pj_get_timestamp(&stream->relay.heard);
}

/* A static payload type says all of a codec (RFC 3551, section 6). */
static pj_bool_t relay_alike(const pjmedia_stream *one, const pjmedia_stream *other)
{
    return one->si.fmt.pt < 96 && one->si.fmt.pt == other->si.fmt.pt &&
           one->enc_samples_per_pkt == other->enc_samples_per_pkt;
}

static void relay_leave(pjmedia_stream *stream)
{
    if (stream->relay.peer) {
        stream->relay.peer->relay.peer = NULL;
        stream->relay.peer = NULL;
    }
}

PJ_DEF(pj_bool_t) pjmedia_stream_relay(pjmedia_stream *one, pjmedia_stream *other)
{
    pj_bool_t alike = relay_alike(one, other);

    pthread_mutex_lock(&relay_mutex);
    if (!alike || one->relay.peer != other) {
        relay_leave(one);
        relay_leave(other);
    }
    if (alike && !one->relay.peer) {
        one->relay.peer = other;
        other->relay.peer = one;
        one->relay.following = other->relay.following = PJ_FALSE;
        relay_choose(one);
        relay_choose(other);
    }
    pthread_mutex_unlock(&relay_mutex);
    return alike;
}

PJ_DEF(void) pjmedia_stream_relay_stop(pjmedia_stream *stream)
{
    pthread_mutex_lock(&relay_mutex);
    relay_leave(stream);
    pthread_mutex_unlock(&relay_mutex);
}

PJ_DEF(unsigned) pjmedia_stream_silent_msec(const pjmedia_stream *stream)
{
    pj_timestamp heard, now;

    if (stream->base.dec->paused)
        return 0;
    pthread_mutex_lock(&relay_mutex);
    heard = stream->relay.heard;
    pthread_mutex_unlock(&relay_mutex);
    pj_get_timestamp(&now);
    return pj_elapsed_msec(&heard, &now);
}

/* Let the time in what leaves move on by as much as passed since it was right last, a packet at least. */
static void relay_catch_up(pjmedia_stream *stream)
{
    pjmedia_rtp_hdr *hdr = &stream->base.enc->rtp.out_hdr;
    pj_timestamp now;
    pj_uint32_t passed;

    pj_get_timestamp(&now);
    passed = (pj_uint32_t)(pj_elapsed_msec64(&stream->relay.sent, &now) * stream->si.fmt.clock_rate / 1000);
    hdr->ts = pj_htonl(pj_ntohl(hdr->ts) + PJ_MAX(passed, stream->rtp_tx_ts_len_per_pkt));
    stream->relay.sent = now;
}

/* Whether what leaves is to be the peer's. Digits of our own (RFC 4733) have the stream for themselves. The mutex is held. */
static pj_bool_t relay_wants(const pjmedia_stream *stream)
{
    return stream->relay.peer && !stream->tx_dtmf_count;
}

/* Change whose packets leave, unless one is on its way. The mutex is held. */
static void relay_choose(pjmedia_stream *stream)
{
    struct relay *relay = &stream->relay;

    if (relay->sending || relay->framing)
        return;
    if (relay_wants(stream) && !relay->passing) {
        pj_get_timestamp(&relay->sent);
        relay->following = PJ_FALSE;
    } else if (!relay_wants(stream) && relay->passing) {
        relay_catch_up(stream);
    }
    relay->passing = relay_wants(stream);
}

/* What the clock calls for each frame: upstream's put_frame, while nothing is passed on. */
static pj_status_t relay_put_frame(pjmedia_port *port, pjmedia_frame *frame)
{
    pjmedia_stream *stream = (pjmedia_stream*) port->port_data.pdata;
    pj_bool_t passing, soon;
    pj_status_t status;

    pthread_mutex_lock(&relay_mutex);
    relay_choose(stream);
    passing = stream->relay.passing;
    soon = !relay_wants(stream);
    stream->relay.framing = !passing;
    pthread_mutex_unlock(&relay_mutex);

    if (soon)
        pjmedia_clock_want();
    if (passing) {
        check_tx_rtcp(stream, frame->timestamp.u32.lo);
        return PJ_SUCCESS;
    }
    status = put_frame(port, frame);
    pthread_mutex_lock(&relay_mutex);
    stream->relay.framing = PJ_FALSE;
    relay_choose(stream);
    pthread_mutex_unlock(&relay_mutex);
    return status;
}

/* The payload type by which a packet of `from` leaves by `to`; -1 for a digit (RFC 4733) that is not taken there. */
static int relay_payload_type(const pjmedia_stream *from, const pjmedia_stream *to, unsigned pt)
{
    return (int)pt == from->rx_event_pt ? to->tx_event_pt : (int)to->si.tx_pt;
}

/*
 * Number a packet that arrived as it leaves by `to`; false if it must not leave. One that is not taken there (`pt` is -1)
 * leaves no gap. The mutex is held.
 */
static pj_bool_t relay_number(pjmedia_stream *to, const pjmedia_rtp_hdr *came, int pt, pjmedia_rtp_hdr *hdr)
{
    struct relay *relay = &to->relay;
    pjmedia_rtp_session *rtp = &to->base.enc->rtp;
    pj_uint16_t seq = pj_ntohs(came->seq);
    pj_uint32_t ts = pj_ntohl(came->ts);
    int step = (pj_int16_t)(seq - relay->seq);
    pj_bool_t begins = !relay->following || came->ssrc != relay->ssrc;

    if (begins && pt < 0)
        return PJ_FALSE;
    if (!begins && step <= 0 && (step == 0 || pt < 0 || (unsigned)-step > relay->past))
        return PJ_FALSE;

    *hdr = rtp->out_hdr;
    hdr->pt = (pj_uint8_t)pt;
    hdr->m = came->m || begins;
    if (!begins && step < 0) {
        hdr->seq = pj_htons((pj_uint16_t)(rtp->out_extseq + step));
        hdr->ts = pj_htonl(pj_ntohl(rtp->out_hdr.ts) + (ts - relay->ts));
        return PJ_TRUE;
    }

    if (begins) {
        relay_catch_up(to);
        rtp->out_extseq += 1;
        relay->past = 0;
    } else {
        rtp->out_extseq += pt < 0 ? step - 1 : step;
        rtp->out_hdr.ts = pj_htonl(pj_ntohl(rtp->out_hdr.ts) + (ts - relay->ts));
        relay->past = pt < 0 ? 0 : relay->past + step;
        pj_get_timestamp(&relay->sent);
    }
    rtp->out_hdr.seq = pj_htons((pj_uint16_t)rtp->out_extseq);
    hdr->seq = rtp->out_hdr.seq;
    hdr->ts = rtp->out_hdr.ts;
    relay->following = PJ_TRUE;
    relay->ssrc = came->ssrc;
    relay->seq = seq;
    relay->ts = ts;
    return pt >= 0;
}

/* Count what leaves, as put_frame does. The mutex is held. */
static void relay_count(pjmedia_stream *to, unsigned size)
{
    pjmedia_rtcp_session *rtcp = &to->base.rtcp;

    pjmedia_rtcp_tx_rtp(rtcp, size);
    rtcp->stat.rtp_tx_last_ts = pj_ntohl(to->base.enc->rtp.out_hdr.ts);
    rtcp->stat.rtp_tx_last_seq = pj_ntohs(to->base.enc->rtp.out_hdr.seq);
}

/* Pass a packet on. False when it is the stream's own business: it has no peer, or the peer does not take digits. */
static pj_bool_t relay_packet(pjmedia_stream *from, const pjmedia_rtp_hdr *came, const void *payload, unsigned size,
                              pj_bool_t restarted)
{
    struct { pjmedia_rtp_hdr hdr; pj_uint8_t payload[PJMEDIA_MAX_MTU - sizeof(pjmedia_rtp_hdr)]; } packet;
    pjmedia_stream *to;
    pj_bool_t leaves = PJ_FALSE;
    int pt = -1;

    pthread_mutex_lock(&relay_mutex);
    pj_get_timestamp(&from->relay.heard);
    to = from->relay.peer;
    if (to) {
        pt = relay_payload_type(from, to, came->pt);
        if (restarted || to->base.enc->paused)
            to->relay.following = PJ_FALSE;
        leaves = to->relay.passing && !to->base.enc->paused && size <= sizeof(packet.payload) &&
                 relay_number(to, came, pt, &packet.hdr);
    }
    if (leaves) {
        relay_count(to, size);
        to->relay.sending = PJ_TRUE;
        pj_grp_lock_add_ref(to->base.grp_lock);
    }
    pthread_mutex_unlock(&relay_mutex);

    if (leaves) {
        pj_memcpy(packet.payload, payload, size);
        pjmedia_transport_send_rtp(to->base.transport, &packet, sizeof(packet.hdr) + size);
        pthread_mutex_lock(&relay_mutex);
        to->relay.sending = PJ_FALSE;
        pthread_mutex_unlock(&relay_mutex);
        pj_grp_lock_dec_ref(to->base.grp_lock);
    }
    return pt >= 0;
}
