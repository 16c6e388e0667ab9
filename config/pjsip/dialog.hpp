/*
 * Requests inside a call that PJSUA does not know, or answers wrongly; what is said to a peer that knows plain SIP only;
 * and offers of our own inside a call.
 *
 * PJSUA answers 500 to what it does not know, 200 to a MESSAGE that nobody reads, and takes the first character of
 * `Signal=10` (an asterisk) for a digit. Here such a request never reaches the dialog: it is answered in a transaction of
 * its own, which also answers its retransmissions.
 */
#ifndef GATEWAY_DIALOG_HPP
#define GATEWAY_DIALOG_HPP

#include "leg.hpp"
#include "strays.hpp"
#include <pjsua-lib/pjsua_internal.h>
#include <cstdlib>
#include <cstring>
#include <string>

static const unsigned LEAST_SESSION_SECONDS = 90;           /* RFC 4028, section 5 */
static const unsigned DIGIT_MS = 160, MOST_DIGIT_MS = 8000; /* A digit without a duration; what fits RFC 4733's 16 bits */

static pjsip_module dialogModule;
static bool isPlain[PJSUA_MAX_ACC];

/*
 * The peers of this account know neither PRACK nor session timers, as Twilio: 100rel is not offered to them, and no
 * interval of theirs is refused with 422.
 */
void sipSpeakPlainly(int account_id)
{
    if (account_id >= 0 && account_id < PJSUA_MAX_ACC)
        isPlain[account_id] = true;
}

/* ---- DTMF in INFO ---- */

static std::string trimmed(const std::string &text)
{
    const char *blanks = " \t\r\n";
    const size_t first = text.find_first_not_of(blanks);
    return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/* A digit as itself, or as the number of its event (RFC 4733, section 3.2); 0 for none. */
static char readDigit(const std::string &signal)
{
    static const char events[] = "0123456789*#ABCD";

    if (signal.size() == 1) {
        const char digit = (char)pj_toupper((unsigned char)signal[0]);
        return strchr(events, digit) ? digit : 0;
    }
    return signal.size() == 2 && signal[0] == '1' && signal[1] >= '0' && signal[1] <= '5' ? events[10 + signal[1] - '0'] : 0;
}

/* `Signal=5` and `Duration=160` in lines, or the digit alone. */
static bool readDigitBody(const pjsip_msg_body *body, pjsua_dtmf_event *event)
{
    const std::string text((const char *)body->data, body->len);
    unsigned long duration = DIGIT_MS;
    std::string signal;
    size_t start = 0;

    if (text.find('=') == std::string::npos)
        signal = trimmed(text);
    while (start < text.size()) {
        const size_t end = text.find('\n', start), equals = text.find('=', start);
        const size_t next = end == std::string::npos ? text.size() : end + 1;
        if (equals < next) {
            const std::string name = trimmed(text.substr(start, equals - start));
            const std::string value = trimmed(text.substr(equals + 1, next - equals - 1));
            if (strcasecmp(name.c_str(), "Signal") == 0)
                signal = value;
            else if (strcasecmp(name.c_str(), "Duration") == 0)
                duration = strtoul(value.c_str(), NULL, 10);
        }
        start = next;
    }
    event->digit = readDigit(signal);
    event->duration = (unsigned)PJ_MIN(duration ? duration : DIGIT_MS, MOST_DIGIT_MS);
    return event->digit != 0;
}

static bool isOfType(const pjsip_msg_body *body, const char *subtype)
{
    return pj_stricmp2(&body->content_type.type, "application") == 0 &&
           pj_stricmp2(&body->content_type.subtype, subtype) == 0;
}

static void tellDigit(const pjsua_call *call, pjsua_dtmf_event *event)
{
    pj_time_val now;

    pj_gettimeofday(&now);
    event->method = PJSUA_DTMF_METHOD_SIP_INFO;
    event->timestamp = (unsigned)PJ_TIME_VAL_MSEC(now);
    event->flags = PJMEDIA_STREAM_DTMF_IS_END;
    (*pjsua_var.ua_cfg.cb.on_dtmf_event)(call->index, event);
}

/* ---- Requests inside a call ---- */

static void addHeader(pj_pool_t *pool, pjsip_hdr *headers, const char *name, const char *value)
{
    const pj_str_t named = pj_str((char *)name), valued = pj_str((char *)value);
    pj_list_push_back(headers, pjsip_generic_string_hdr_create(pool, &named, &valued));
}

static void addCapability(pj_pool_t *pool, pjsip_hdr *headers, int kind)
{
    const pjsip_hdr *known = pjsip_endpt_get_capability(pjsua_var.endpt, kind, NULL);
    if (known)
        pj_list_push_back(headers, pjsip_hdr_clone(pool, known));
}

/* INFO without a package carries digits or nothing (RFC 6086, sections 4.2.2 and 4.2.4). */
static int answerInfo(const pjsua_call *call, pjsip_rx_data *rdata, pjsip_hdr *headers)
{
    const pj_str_t package = { (char *)"Info-Package", 12 };
    const pjsip_msg_body *body = rdata->msg_info.msg->body;
    pj_pool_t *pool = rdata->tp_info.pool;
    pjsua_dtmf_event event;

    if (pjsip_msg_find_hdr_by_name(rdata->msg_info.msg, &package, NULL)) {
        addHeader(pool, headers, "Recv-Info", "");
        return 469;
    }
    if (!body || !body->len)
        return 200;
    if (!isOfType(body, "dtmf-relay") && !isOfType(body, "dtmf")) {
        addHeader(pool, headers, "Accept", "application/dtmf-relay, application/dtmf");
        return 415;
    }
    pj_bzero(&event, sizeof(event));
    if (!readDigitBody(body, &event))
        return 400;
    tellDigit(call, &event);
    return 200;
}

/* What PJSUA answers as it should. */
static bool isCallControl(const pjsip_method *method)
{
    static const char *names[] = { "UPDATE", "PRACK", "REFER" };

    for (unsigned i = 0; i < PJ_ARRAY_SIZE(names); ++i) {
        if (pj_strcmp2(&method->name, names[i]) == 0)
            return true;
    }
    return method->id == PJSIP_INVITE_METHOD || method->id == PJSIP_ACK_METHOD || method->id == PJSIP_BYE_METHOD ||
           method->id == PJSIP_CANCEL_METHOD;
}

/* Whether a body is where an offer belongs, and no SDP. PJSUA takes such an INVITE for one without an offer. */
static bool isNoOffer(pjsip_rx_data *rdata)
{
    const pjsip_msg *msg = rdata->msg_info.msg;
    const pjsip_method *method = &msg->line.req.method;

    if (method->id != PJSIP_INVITE_METHOD && pj_strcmp2(&method->name, "UPDATE") != 0)
        return false;
    return msg->body && msg->body->len && !pjsip_rdata_get_sdp_info(rdata)->sdp;
}

/* The code for a request that PJSUA must not see, 0 for one that it answers well. */
static int answerInside(const pjsip_dialog *dialog, pjsip_rx_data *rdata, pjsip_hdr *headers)
{
    const pjsip_method *method = &rdata->msg_info.msg->line.req.method;
    const bool subscribed = dialog->mod_data[pjsip_evsub_instance()->id] != NULL;
    pj_pool_t *pool = rdata->tp_info.pool;

    if (isNoOffer(rdata)) {
        addHeader(pool, headers, "Accept", "application/sdp");
        return 415;
    }
    if (isCallControl(method))
        return 0;
    if (method->id == PJSIP_OPTIONS_METHOD) { /* RFC 3261, section 11.2 */
        addCapability(pool, headers, PJSIP_H_ALLOW);
        addCapability(pool, headers, PJSIP_H_ACCEPT);
        addCapability(pool, headers, PJSIP_H_SUPPORTED);
        return 200;
    }
    if (pj_strcmp2(&method->name, "INFO") == 0)
        return answerInfo(callOfDialog(dialog), rdata, headers);
    if (pj_strcmp2(&method->name, "NOTIFY") == 0)
        return subscribed ? 0 : 481; /* RFC 6665, section 4.1.3 */
    if (pj_strcmp2(&method->name, "SUBSCRIBE") == 0) {
        addHeader(pool, headers, "Allow-Events", "refer");
        return subscribed ? 0 : 489;
    }
    return answerMethod(method, pool, headers);
}

/* PJSIP would refuse what is too short with 422. Without the header the session has no timer. */
static void forgetShortInterval(pjsip_rx_data *rdata, int account_id)
{
    static const pj_str_t name = { (char *)"Session-Expires", 15 }, brief = { (char *)"x", 1 };
    static const pj_str_t least = { (char *)"Min-SE", 6 };
    pjsip_msg *msg = rdata->msg_info.msg;
    pjsip_sess_expires_hdr *expires = (pjsip_sess_expires_hdr *)pjsip_msg_find_hdr_by_names(msg, &name, &brief, NULL);
    const pjsip_min_se_hdr *min = (pjsip_min_se_hdr *)pjsip_msg_find_hdr_by_name(msg, &least, NULL);
    const unsigned floor = min ? PJ_MAX(min->min_se, LEAST_SESSION_SECONDS) : LEAST_SESSION_SECONDS;

    if (!expires || expires->sess_expires >= floor)
        return;
    if (account_id == PJSUA_INVALID_ID)
        account_id = pjsua_acc_find_for_incoming(rdata);
    if (account_id >= 0 && isPlain[account_id])
        pj_list_erase(expires);
}

/* Whether this request came too late: the call of its dialog is over. PJSIP never answers such a re-INVITE. */
static bool isTooLate(const pjsip_dialog *dialog, const pjsip_method *method)
{
    const pjsua_call *call = callOfDialog(dialog);

    return dialog && (!call || call->hanging_up) && method->id != PJSIP_ACK_METHOD && method->id != PJSIP_BYE_METHOD &&
           method->id != PJSIP_CANCEL_METHOD;
}

static pj_bool_t onRequestInside(pjsip_rx_data *rdata)
{
    const pjsip_dialog *dialog = pjsip_ua_find_dialog(&rdata->msg_info.cid->id, &rdata->msg_info.to->tag,
                                                      &rdata->msg_info.from->tag, PJ_FALSE);
    const pjsua_call *call = callOfDialog(dialog);
    pjsip_hdr headers;
    int code;

    forgetShortInterval(rdata, call ? call->acc_id : PJSUA_INVALID_ID);
    if (!dialog)
        return PJ_FALSE;
    pj_list_init(&headers);
    if (isTooLate(dialog, &rdata->msg_info.msg->line.req.method))
        code = PJSIP_SC_CALL_TSX_DOES_NOT_EXIST;
    else
        code = call ? answerInside(dialog, rdata, &headers) : 0;
    if (!code)
        return PJ_FALSE;
    pjsip_endpt_respond(pjsua_var.endpt, &dialogModule, rdata, code, NULL, &headers, NULL, NULL);
    return PJ_TRUE;
}

static pj_status_t onRequestOut(pjsip_tx_data *tdata)
{
    const pjsip_method *method = &tdata->msg->line.req.method;
    const pjsip_transaction *tsx;
    const pjsua_call *call;

    if (method->id != PJSIP_INVITE_METHOD && pj_strcmp2(&method->name, "UPDATE") != 0)
        return PJ_SUCCESS;
    tsx = (const pjsip_transaction *)tdata->mod_data[pjsip_tsx_layer_instance()->id];
    call = callOfDialog(tsx ? pjsip_tsx_get_dlg((pjsip_transaction *)tsx) : NULL);
    if (call && call->acc_id >= 0 && isPlain[call->acc_id]) {
        takeOut((pjsip_generic_array_hdr *)pjsip_msg_find_hdr(tdata->msg, PJSIP_H_SUPPORTED, NULL), "100rel");
        takeOut((pjsip_generic_array_hdr *)pjsip_msg_find_hdr(tdata->msg, PJSIP_H_ALLOW, NULL), "PRACK");
    }
    return PJ_SUCCESS;
}

/* Once, between libInit and libStart. */
void sipAnswerInsideCalls()
{
    dialogModule.name = pj_str((char *)"gateway-dialog");
    dialogModule.id = -1;
    dialogModule.priority = PJSIP_MOD_PRIORITY_UA_PROXY_LAYER - 1;
    dialogModule.on_rx_request = &onRequestInside;
    dialogModule.on_tx_request = &onRequestOut;
    pjsip_endpt_register_module(pjsua_var.endpt, &dialogModule);
}

/* ---- Offers of our own inside a call (leg.hpp) ---- */

/* What the peer said last about its audio: whether it sends no more than what a held side may hear (RFC 3264, 8.4). */
inline bool Leg::isHeldByPeer() const
{
    const pjsua_call *it = call();
    const pjmedia_sdp_session *remote;

    if (!it || it->hanging_up || !it->inv->neg || pjmedia_sdp_neg_get_active_remote(it->inv->neg, &remote) != PJ_SUCCESS)
        return false;
    for (unsigned i = 0; i < remote->media_count; ++i) {
        const pjmedia_sdp_media *media = remote->media[i];
        const pjmedia_sdp_conn *address = media->conn ? media->conn : remote->conn;
        if (pj_stricmp2(&media->desc.media, "audio") != 0 || !media->desc.port)
            continue;
        if (address && pj_strcmp2(&address->addr, "0.0.0.0") == 0)
            return true;
        for (unsigned session = 0; session < 2; ++session) {
            const unsigned count = session ? remote->attr_count : media->attr_count;
            pjmedia_sdp_attr *const *attributes = session ? remote->attr : media->attr;
            if (pjmedia_sdp_attr_find2(count, attributes, "sendonly", NULL) ||
                pjmedia_sdp_attr_find2(count, attributes, "inactive", NULL))
                return true;
            if (pjmedia_sdp_attr_find2(count, attributes, "sendrecv", NULL) ||
                pjmedia_sdp_attr_find2(count, attributes, "recvonly", NULL))
                return false;
        }
        return false;
    }
    return false;
}

inline bool Leg::offer(bool hold)
{
    const pjsua_call *it = call();
    pjsua_call_setting setting;

    if (!it || it->inv->state != PJSIP_INV_STATE_CONFIRMED || it->inv->invite_tsx || pjsua_call_media_is_changing((pjsua_call *)it) ||
        pjmedia_sdp_neg_get_state(it->inv->neg) != PJMEDIA_SDP_NEG_STATE_DONE)
    {
        return false;
    }
    if (hold)
        return pjsua_call_set_hold2(it->index, 0, NULL) == PJ_SUCCESS;
    setting = it->opt;
    setting.flag = it->local_hold ? PJSUA_CALL_UNHOLD : 0;
    return pjsua_call_reinvite2(it->index, &setting, NULL) == PJ_SUCCESS;
}

inline void Leg::audioChanged()
{
    const bool held_now = isHeldByPeer();

    if (const pjsua_call_media *mine = audioOf(call()))
        pjmedia_stream_follow(mine->strm.a.stream, followed.data(), (unsigned)followed.size());
    onAudio();
    if (held != held_now) {
        held = held_now;
        onHold(held);
    }
}

/* RFC 3261, section 14.1: both sides made an offer at once; who made the Call-ID waits longer. */
inline void Leg::transactionChanged(const pjsip_event *event)
{
    const pjsua_call *it = call();
    const pjsip_transaction *tsx = event->type == PJSIP_EVENT_TSX_STATE ? event->body.tsx_state.tsx : NULL;

    if (it && !it->hanging_up && it->inv->state == PJSIP_INV_STATE_CONFIRMED && tsx && tsx->role == PJSIP_ROLE_UAC &&
        tsx->status_code == PJSIP_SC_REQUEST_PENDING && tsx->state == PJSIP_TSX_STATE_COMPLETED &&
        (tsx->method.id == PJSIP_INVITE_METHOD || pj_strcmp2(&tsx->method.name, "UPDATE") == 0))
    {
        onGlare(it->inv->role == PJSIP_ROLE_UAC);
    }
}

#endif
