/*
 * pjsua2 as a gateway uses it: without the callbacks that nobody answers, with the settings of PJSIP that pjsua2 has no
 * door to, and with what a leg is asked for on every message as one call each.
 */

/*
 * A director calls into Python for each event, wanted or not, under the GIL; for these nobody listens. The last comes
 * from PJMEDIA's clock thread, which must never wait for Python.
 */
%feature("nodirector") pj::Call::onCallTsxState;
%feature("nodirector") pj::Call::onStreamPreCreate;
%feature("nodirector") pj::Call::onStreamCreated;
%feature("nodirector") pj::Call::onDtmfDigit;
%feature("nodirector") pj::Call::onCallMediaTransportState;
%feature("nodirector") pj::Call::onCallMediaEvent;
%feature("nodirector") pj::Call::onCreateMediaTransport;
%feature("nodirector") pj::Call::onCreateMediaTransportSrtp;
%feature("nodirector") pj::Endpoint::onTransportState;
%feature("nodirector") pj::Endpoint::onMediaEvent;
%feature("nodirector") pj::Endpoint::onTimer;
%feature("nodirector") pj::Endpoint::onAudioMediaOpCompleted;
%feature("nodirector") pj::Endpoint::onVideoMediaOpCompleted;

%include "pjsua2.i"

%inline %{
/* What PJSIP writes to stdout until libInit gives it a logger: 0 is nothing. */
void sipSetLogLevel(unsigned level)
{
    pj_log_set_level((int)level);
}

/* RFC 3261, section 18.1.1: over 1,300 bytes a request leaves by TCP first, even to a peer that listens on UDP only. */
void sipSwitchLargeRequestsToTcp(bool on)
{
    pjsip_cfg()->endpt.disable_tcp_switch = !on;
}

/* RFC 3261, section 17: T1, T2, T4, and how long a transaction waits for its end (64 * T1 by default). */
void sipSetTransactionTimers(unsigned t1_ms, unsigned t2_ms, unsigned t4_ms, unsigned td_ms)
{
    pjsip_tsx_set_timers(t1_ms, t2_ms, t4_ms, td_ms);
}
%}

%{
#include <pjsua-lib/pjsua_internal.h>

/* The call of a leg, if it is still there. Only the thread that owns the stack may ask. */
static pjsua_call *legCall(int call_id)
{
    if (call_id < 0 || call_id >= (int)pjsua_var.ua_cfg.max_calls)
        return NULL;
    return &pjsua_var.calls[call_id];
}

/* The conference port of a leg's audio, or -1 while audio does not flow both ways. */
static int legPort(int call_id)
{
    pjsua_call *call = legCall(call_id);
    if (!call || !call->inv || call->hanging_up)
        return PJSUA_INVALID_ID;
    for (unsigned i = 0; i < call->med_cnt; ++i) {
        const pjsua_call_media *media = &call->media[i];
        if (media->type == PJMEDIA_TYPE_AUDIO && media->state == PJSUA_CALL_MEDIA_ACTIVE)
            return media->strm.a.conf_slot;
    }
    return PJSUA_INVALID_ID;
}
%}

%inline %{
/* Where a leg's INVITE session is (pjsip_inv_state); what CallInfo says, without its forty strings. */
int legState(int call_id)
{
    pjsua_call *call = legCall(call_id);
    if (!call || !call->inv || call->hanging_up)
        return PJSIP_INV_STATE_DISCONNECTED;
    return call->inv->state;
}

/* The last status code of a leg. */
int legStatus(int call_id)
{
    pjsua_call *call = legCall(call_id);
    return call ? call->last_code : 0;
}

/* Whether the peer gave any sign of life to our INVITE; 100 changes no state that a callback would report. */
bool legHeard(int call_id)
{
    pjsua_call *call = legCall(call_id);
    if (!call || !call->inv)
        return false;
    return call->inv->state > PJSIP_INV_STATE_CALLING ||
           (call->inv->invite_tsx && call->inv->invite_tsx->status_code >= 100);
}

/* The SIP Call-ID of a leg. */
std::string legCallId(int call_id)
{
    pjsua_call *call = legCall(call_id);
    if (!call || !call->inv)
        return std::string();
    const pj_str_t &id = call->inv->dlg->call_id->id;
    return std::string(id.ptr, id.slen);
}

/* Let two legs hear each other; false until both have audio. Harmless to repeat. */
bool joinLegs(int call_id, int other_id)
{
    const int port = legPort(call_id), other = legPort(other_id);
    if (port == PJSUA_INVALID_ID || other == PJSUA_INVALID_ID)
        return false;
    return pjsua_conf_connect(port, other) == PJ_SUCCESS && pjsua_conf_connect(other, port) == PJ_SUCCESS;
}
%}
