/*
 * pjsua2 as a gateway uses it: without the callbacks that nobody answers, with the settings of PJSIP that pjsua2 has no
 * door to, and with a leg whose events are plain values (leg.hpp).
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

/* Media events go to a list of who wants which, where each new call is looked for among all others; nobody does. */
void sipDropMediaEvents()
{
    pjmedia_event_mgr_destroy(NULL);
}

/* RFC 3261, section 17: T1, T2, T4, and how long a transaction waits for its end (64 * T1 by default). */
void sipSetTransactionTimers(unsigned t1_ms, unsigned t2_ms, unsigned t4_ms, unsigned td_ms)
{
    pjsip_tsx_set_timers(t1_ms, t2_ms, t4_ms, td_ms);
}
%}

%{
#include "leg.hpp"
#include "session.hpp"
#include "strays.hpp"
#include "dialog.hpp"
#include "trunks.hpp"
#include "door.hpp"
%}
/* Once, between libInit and libStart: every request that belongs to no call gets its answer, */
void sipAnswerStrays();
/* and those inside a call that PJSUA does not answer well. */
void sipAnswerInsideCalls();
/* Once, there: legs have a Session-ID in all they send (Leg::identify). */
void sipTellSessions();
/* Peers of this account know neither PRACK nor session timers. */
void sipSpeakPlainly(int account_id);
/* Once, there: REFER and Replaces are ours to decide on. */
void sipTakeTransfers();
/* The call whose dialog has these ids, as we see it; PJSUA_INVALID_ID if none has. */
int sipCallOfDialog(const std::string &call_id, const std::string &local_tag, const std::string &remote_tag);

/* Strangers: who is none, how many requests of others are answered and connections taken in a second, and what an INVITE
 * is told. */
void sipSetDoor(const std::vector<std::string> &allowed, unsigned answers, const std::string &warning);
/* What was turned away without Python (turned-away.hpp): how much of each kind, and the last. */
enum { SILENCED, STRANGER, UNSUPPORTED, UNREADABLE, NO_DIALOG };
unsigned sipTakeTurnedAway(int kind);
std::string sipLastTurnedAway(int kind);

%inline %{
/* Keep so many bytes that calls gave back for those that come; upstream takes each block from malloc and gives it back. */
void sipKeepMemory(unsigned bytes)
{
    pjsua_var.cp.max_capacity = bytes;
}
%}

%feature("director") Leg;
%feature("nodirector") Leg::onCallState;
%feature("nodirector") Leg::onCallMediaState;
%feature("nodirector") Leg::onCallTsxState;
%feature("nodirector") Leg::onCallSdpCreated;
%feature("nodirector") Leg::onStreamDestroyed;
%feature("nodirector") Leg::onCallTransferRequest;
%feature("nodirector") Leg::onCallReplaceRequest;
%include "leg.hpp"

%feature("director") Stack;
%feature("nodirector") Stack::onTransportState;
%feature("nodirector") Stack::onSelectAccount;
%feature("director") Trunk;
%feature("nodirector") Trunk::onSendRequest;
%feature("nodirector") Trunk::onIncomingCall;
%include "trunks.hpp"
