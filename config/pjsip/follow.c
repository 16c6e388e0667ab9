/*
 * Symmetric RTP: a peer behind NAT names an address in its SDP that nobody reaches, and is where its packets come from.
 * Part of pjmedia/src/pjmedia/stream.c (see rtp-source.patch). The SIP thread says whom to follow, the thread that
 * receives packets reads it.
 */
PJ_DEF(void) pjmedia_stream_follow(pjmedia_stream *stream, const struct network *networks, unsigned count)
{
    struct followed *followed;

    if (stream->followed || !count || !stream->base.own_pool)
        return;
    followed = (struct followed*)pj_pool_alloc(stream->base.own_pool, sizeof(*followed) + count * sizeof(*networks));
    followed->count = count;
    pj_memcpy(followed->networks, networks, count * sizeof(*networks));
    __atomic_store_n(&stream->followed, followed, __ATOMIC_RELEASE);
}

PJ_DEF(unsigned) pjmedia_stream_refused(const pjmedia_stream *stream)
{
    return stream->refused + pjmedia_transport_take_refused(stream->base.transport);
}

/* Whether the peer is where this packet comes from, which is not where its SDP says. Only audio and digits that were
 * agreed on say so. */
static pj_bool_t follow_packet(pjmedia_stream *stream, const pjmedia_rtp_hdr *hdr, const pj_sockaddr_t *source)
{
    const struct followed *followed = __atomic_load_n(&stream->followed, __ATOMIC_ACQUIRE);

    return followed && !stream->base.rem_rtp_flag &&
           (hdr->pt == stream->si.rx_pt || (int)hdr->pt == stream->rx_event_pt) &&
           networks_have(followed->networks, followed->count, (const pj_sockaddr*)source);
}
