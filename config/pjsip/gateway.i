/*
 * pjsua2 as upstream offers it, and a door to those settings of PJSIP that pjsua2 has none for. All are of the process
 * and are set before the endpoint is created.
 */
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
