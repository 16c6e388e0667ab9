/*
 * One leg of a call as the gateway sees it: pj::Call, with its events as plain values and its operations in one call.
 *
 * pjsua2 hands Python an object tree for each callback, wanted or not, and takes one for each operation. At 200 calls a
 * second that was the largest part of the CPU. Here what does not matter never leaves C++.
 */
#ifndef GATEWAY_LEG_HPP
#define GATEWAY_LEG_HPP

#include <pjsua2.hpp>
#ifndef SWIG
#include <pjsua-lib/pjsua_internal.h>
#include "networks.hpp"
#include "relay.hpp"
#include "session.hpp"
#include "transfer.hpp"
#endif
#include <string>
#include <vector>

/*
 * Headers are names and values by turns, each ended by a line feed, which neither can hold. They are sent as they are: the
 * caller has checked them. A list of strings would be looked at three times on its way from Python.
 */
typedef std::string HeaderWords;

#ifndef SWIG
class Leg : public pj::Call, private ReferEvents
#else
class Leg : public pj::Call
#endif
{
public:
    explicit Leg(pj::Account &account, int call_id = PJSUA_INVALID_ID);
    virtual ~Leg() {}

    /* ---- What happens to it, for Python to override. `message` is what the peer sent, empty if no peer did. ---- */

    /* 18x to our INVITE. */
    virtual void onProgress(int code, const std::string &message) { PJ_UNUSED_ARG(code); PJ_UNUSED_ARG(message); }

    /* 2xx to our INVITE. */
    virtual void onAnswer(const std::string &message) { PJ_UNUSED_ARG(message); }

    /* ACK to our 2xx. */
    virtual void onAck() {}

    /* The end, in whatever way; `method` is that of the transaction that brought it. */
    virtual void onEnd(int code, const std::string &method, const std::string &message)
    { PJ_UNUSED_ARG(code); PJ_UNUSED_ARG(method); PJ_UNUSED_ARG(message); }

    /* Audio began, stopped or changed. */
    virtual void onAudio() {}

    /* The peer holds the call, or does so no more. */
    virtual void onHold(bool held) { PJ_UNUSED_ARG(held); }

    /* Our offer inside the call met one of the peer (491); `ours`: we began the call with it. */
    virtual void onGlare(bool ours) { PJ_UNUSED_ARG(ours); }

    /* A stream ended: its packets (`refused` are from elsewhere than the peer), and means in microseconds. */
    virtual void onStreamEnd(const std::string &codec, unsigned received, unsigned sent, unsigned lost, unsigned refused,
                             int jitter, int round_trip)
    {
        PJ_UNUSED_ARG(codec); PJ_UNUSED_ARG(received); PJ_UNUSED_ARG(sent); PJ_UNUSED_ARG(lost); PJ_UNUSED_ARG(refused);
        PJ_UNUSED_ARG(jitter); PJ_UNUSED_ARG(round_trip);
    }

    /* REFER from the peer, which waits for answerRefer. */
    virtual void onRefer(const std::string &message) { PJ_UNUSED_ARG(message); }

    /* The final response to our REFER, then what the peer says of its own call: its status, 0 if that cannot be read. */
    virtual void onReferAnswer(int code) { PJ_UNUSED_ARG(code); }
    virtual void onReferStatus(int code, bool last) { PJ_UNUSED_ARG(code); PJ_UNUSED_ARG(last); }

    /* ---- What can be done with it ---- */

    /* INVITE. */
    void place(const std::string &uri, const std::string &from, const HeaderWords &headers) PJSUA2_THROW(pj::Error);

    /* A response to the INVITE. */
    void respond(int code, const HeaderWords &headers) PJSUA2_THROW(pj::Error);

    /* Final failure, CANCEL or BYE, as its state demands; onEnd comes before this returns. */
    void finish(int code, const HeaderWords &headers) PJSUA2_THROW(pj::Error);

    /* Offer audio anew inside the call, to hold the peer or not; false when that cannot be done now. */
    bool offer(bool hold);

    /* Let two legs hear each other, and nobody else; false until both have audio, on hold or not. Harmless to repeat,
     * and to be repeated whenever the audio of one changed: what connected it before is gone then. */
    bool join(Leg &other);

    /* Let it hear nobody, and nobody hear it. */
    void unjoin();

    /* Audio may come from these networks, as address and length by turns ("10.0.0.0", "8"), though SDP names another
     * place: whence it comes first, there it goes from then on. Until the audio is negotiated anew. */
    void follow(const std::vector<std::string> &networks);

    /* Seconds since RTP arrived last, or since audio began; 0 while there is none or the peer is not to send any. */
    double silentSeconds() const;

    /* Answer the REFER that waits longest; with 2xx the peer is told of 100 at once, and by notifyRefer of the rest. */
    void answerRefer(int code, const HeaderWords &headers) { refers_.answer(code, headers); }
    void notifyRefer(int code, bool last) { refers_.notify(code, last); }

    /* REFER, to what is written as it stands. */
    void refer(const std::string &target) PJSUA2_THROW(pj::Error);

    /* Whether both sides agreed on audio, held or not. False after an answer whose SDP cannot be used. */
    bool hasAudio() const;

    /* The Session-ID that its peer is told from now on: UUID;remote=UUID. */
    void identify(const std::string &session);

    /* Its SIP Call-ID; empty once it is gone. */
    std::string sipCallId() const;

    /* Whether the peer gave any sign of life to our INVITE; 100 changes no state that a callback would report. */
    bool isHeard() const;

    /* ---- pjsua2's callbacks, answered here ---- */

    /* What nobody took (transfer.hpp), PJSUA must not do: it would call whomever the peer names. */
    void onCallTransferRequest(pj::OnCallTransferRequestParam &prm) override { prm.statusCode = PJSIP_SC_DECLINE; }
    void onCallReplaceRequest(pj::OnCallReplaceRequestParam &prm) override { prm.statusCode = PJSIP_SC_DECLINE; }

#ifndef SWIG
private:
    ReferDialog refers_;

    pjsua_call *call() const;
    void stateChanged(const pjsip_event *event);
    void audioChanged();
    void transactionChanged(const pjsip_event *event);
    void streamEnded(const pjmedia_stream *stream, unsigned index);
    void streamsEnded();
    static Leg *find(pjsua_call_id call_id);
    static void hearOfLegs();
    void leaveBridge();

    bool isHeldByPeer() const;

    Networks followed;
    bool bridged = false;
    bool held = false;
#endif
};

#ifndef SWIG

static pj::CallOpParam legOperation(int code, const HeaderWords &words)
{
    const std::vector<std::string> headers = splitWords(words);
    pj::CallOpParam prm(true);
    prm.opt.audioCount = 1;
    prm.opt.videoCount = 0;
    prm.opt.textCount = 0;
    prm.statusCode = (pjsip_status_code)code;
    for (size_t i = 0; i + 1 < headers.size(); i += 2) {
        pj::SipHeader header;
        header.hName = headers[i];
        header.hValue = headers[i + 1];
        prm.txOption.headers.push_back(header);
    }
    return prm;
}

inline Leg::Leg(pj::Account &account, int call_id) : pj::Call(account, call_id), refers_(*this)
{
    hearOfLegs();
}

inline void Leg::place(const std::string &uri, const std::string &from, const HeaderWords &headers)
{
    pj::CallOpParam prm = legOperation(0, headers);
    prm.txOption.localUri = from;
    makeCall(uri, prm);
}

/* PJSIP makes each response out of the one before it, our headers included; what was said with 180 is not said again. */
inline void Leg::respond(int code, const HeaderWords &words)
{
    const std::vector<std::string> headers = splitWords(words);

    answer(legOperation(code, words));
    const pjsua_call *it = call();
    if (!it || !it->inv->last_answer)
        return;
    for (size_t i = 0; i + 1 < headers.size(); i += 2) {
        const pj_str_t name = { (char *)headers[i].data(), (pj_ssize_t)headers[i].size() };
        while (void *said = pjsip_msg_find_hdr_by_name(it->inv->last_answer->msg, &name, NULL))
            pj_list_erase(said);
    }
}

inline void Leg::finish(int code, const HeaderWords &headers)
{
    hangup(legOperation(code, headers));
}

inline void Leg::refer(const std::string &target)
{
    const pj_status_t status = refers_.refer(target);
    if (status != PJ_SUCCESS)
        throw pj::Error(status, "REFER", "", "leg.hpp", __LINE__);
}

/* The stack's own record of the call, if it is still there. */
inline pjsua_call *Leg::call() const
{
    const int call_id = getId();
    if (call_id < 0 || call_id >= (int)pjsua_var.ua_cfg.max_calls || !pjsua_var.calls[call_id].inv)
        return NULL;
    return &pjsua_var.calls[call_id];
}

inline bool Leg::join(Leg &other)
{
    const pjsua_call_media *mine = audioOf(call()), *its = audioOf(other.call());
    if (!mine || !its)
        return false;
    leaveBridge();
    other.leaveBridge();
    if (pjmedia_stream_relay(mine->strm.a.stream, its->strm.a.stream))
        return true;
    bridged = other.bridged = true;
    return connectBridge(mine, its);
}

inline void Leg::unjoin()
{
    if (const pjsua_call_media *mine = audioOf(call()))
        pjmedia_stream_relay_stop(mine->strm.a.stream);
    leaveBridge();
}

inline void Leg::leaveBridge()
{
    const pjsua_call_media *mine = audioOf(call());
    if (bridged && mine)
        disconnectBridge(mine);
    bridged = false;
}

inline void Leg::follow(const std::vector<std::string> &networks)
{
    followed = parseNetworks(networks);
}

inline double Leg::silentSeconds() const
{
    const pjsua_call_media *mine = audioOf(call());
    return mine ? pjmedia_stream_silent_msec(mine->strm.a.stream) / 1000.0 : 0.0;
}

inline bool Leg::hasAudio() const
{
    const pjsua_call *it = call();
    for (unsigned i = 0; it && !it->hanging_up && i < it->med_cnt; ++i) {
        const pjsua_call_media *media = &it->media[i];
        if (media->type == PJMEDIA_TYPE_AUDIO && media->state != PJSUA_CALL_MEDIA_NONE &&
            media->state != PJSUA_CALL_MEDIA_ERROR)
        {
            return true;
        }
    }
    return false;
}

inline std::string Leg::sipCallId() const
{
    const pjsua_call *it = call();
    return it ? std::string(it->inv->dlg->call_id->id.ptr, it->inv->dlg->call_id->id.slen) : std::string();
}

inline void Leg::identify(const std::string &session)
{
    if (const pjsua_call *it = call())
        setSession(it->inv->dlg, session);
}

inline bool Leg::isHeard() const
{
    const pjsua_call *it = call();
    if (!it)
        return false;
    return it->inv->state > PJSIP_INV_STATE_CALLING ||
           (it->inv->invite_tsx && it->inv->invite_tsx->status_code >= 100);
}

inline void Leg::stateChanged(const pjsip_event *event)
{
    const pjsua_call *it = call();
    const bool gone = !it || it->hanging_up || it->inv->state == PJSIP_INV_STATE_DISCONNECTED;
    const bool inbound = it && it->inv->role == PJSIP_ROLE_UAS;
    const int code = pjsua_var.calls[getId()].last_code;
    std::string method, message;

    if (event->type == PJSIP_EVENT_TSX_STATE) {
        const pj_str_t &name = event->body.tsx_state.tsx->method.name;
        method.assign(name.ptr, name.slen);
        if (event->body.tsx_state.type == PJSIP_EVENT_RX_MSG) {
            const pjsip_rx_data *rdata = event->body.tsx_state.src.rdata;
            message.assign(rdata->msg_info.msg_buf, rdata->msg_info.len);
        }
    }

    if (gone) {
        refers_.detach();
        streamsEnded();
        pjsua_call_set_user_data(getId(), NULL); /* nothing that happens to its place from now on is about this leg */
    } else if (it->inv->state == PJSIP_INV_STATE_CONNECTING) /* from here on its end is always told */
        refers_.attach(it->inv->dlg);

    if (gone)
        onEnd(code, method, message);
    else if (inbound && it->inv->state == PJSIP_INV_STATE_CONFIRMED)
        onAck();
    else if (!inbound && it->inv->state == PJSIP_INV_STATE_EARLY)
        onProgress(code, message);
    else if (!inbound && it->inv->state == PJSIP_INV_STATE_CONNECTING)
        onAnswer(message);
}

inline void Leg::streamsEnded()
{
    const pjsua_call *it = &pjsua_var.calls[getId()];

    for (unsigned i = 0; i < it->med_cnt; ++i) {
        if (it->media[i].type == PJMEDIA_TYPE_AUDIO && it->media[i].strm.a.stream)
            streamEnded(it->media[i].strm.a.stream, i);
    }
}

inline void Leg::streamEnded(const pjmedia_stream *stream, unsigned index)
{
    pjsua_stream_stat stat;
    pjsua_stream_info info;
    const int call_id = getId();

    if (pjsua_call_get_stream_stat(call_id, index, &stat) != PJ_SUCCESS ||
        pjsua_call_get_stream_info(call_id, index, &info) != PJ_SUCCESS ||
        info.type != PJMEDIA_TYPE_AUDIO)
    {
        return;
    }
    const pj_str_t &codec = info.info.aud.fmt.encoding_name;
    onStreamEnd(std::string(codec.ptr, codec.slen), stat.rtcp.rx.pkt, stat.rtcp.tx.pkt, stat.rtcp.rx.loss,
                pjmedia_stream_refused(stream), stat.rtcp.rx.jitter.mean, stat.rtcp.rtt.mean);
}

/* ---- How legs hear ---- */

/* pjsua2 copies whatever it knows of a call into objects before each event, and keeps media that nobody asks it for. */
static pjsua_callback pjsua2;

inline Leg *Leg::find(pjsua_call_id call_id)
{
    return dynamic_cast<Leg *>(pj::Call::lookup(call_id));
}

inline void Leg::hearOfLegs()
{
    pjsua_callback &told = pjsua_var.ua_cfg.cb;

    if (told.on_stream_precreate == NULL)
        return;
    pjsua2 = told;
    told.on_stream_precreate = NULL;
    told.on_stream_created2 = NULL;
    told.on_call_sdp_created = NULL;
    told.on_call_state = [](pjsua_call_id call_id, pjsip_event *event) {
        if (Leg *leg = find(call_id))
            leg->stateChanged(event);
        else
            (*pjsua2.on_call_state)(call_id, event);
    };
    told.on_call_media_state = [](pjsua_call_id call_id) {
        if (Leg *leg = find(call_id))
            leg->audioChanged();
        else
            (*pjsua2.on_call_media_state)(call_id);
    };
    told.on_call_tsx_state = [](pjsua_call_id call_id, pjsip_transaction *transaction, pjsip_event *event) {
        if (Leg *leg = find(call_id))
            leg->transactionChanged(event);
        else
            (*pjsua2.on_call_tsx_state)(call_id, transaction, event);
    };
    told.on_stream_destroyed = [](pjsua_call_id call_id, pjmedia_stream *stream, unsigned index) {
        if (Leg *leg = find(call_id))
            leg->streamEnded(stream, index);
        else
            (*pjsua2.on_stream_destroyed)(call_id, stream, index);
    };
}

#endif
#endif
