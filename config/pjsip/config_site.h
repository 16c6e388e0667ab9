/*
 * What PJSIP allows at most. Upstream's defaults are for a soft phone; every value here is one a gateway needs, with
 * the reason. tests/pjsip/test_build.py shows from Python that the built module really behaves so.
 * Names of files are those of pjproject 2.17.
 */

/* ---- Calls: two legs for each bridged call ---- */

/* 2,048 bridged calls, more than one SIP thread will carry with audio. What it costs is decided at run time: libInit
 * takes 11 KB (22 KB with upstream's 16 media lines) for each of EpConfig.uaConfig.maxCalls, which it cuts down to this
 * limit without a word (pjsua_call.c, pjsua_call_subsys_init). */
#define PJSUA_MAX_CALLS             4096

/* Media lines of one SDP. More than this are left out without an error (sdp.c, pjmedia_sdp_parse), so it is well above
 * the audio + video + text of any phone; each costs 1.3 KB a leg. */
#define PJMEDIA_MAX_SDP_MEDIA       8

/* One port a leg, one for the clock, the rest for tones, prompts and legs that ended: their ports leave with the next frame
 * of the bridge, which is up to 100 ms away (rest.c). */
#define PJSUA_MAX_CONF_PORTS        (PJSUA_MAX_CALLS + 256)

/* One account for each trunk and transport: 60 trunks, three transports, and one for strangers. */
#define PJSUA_MAX_ACC               192

/* Softphone tables that a gateway does not use, and that may not be empty. */
#define PJSUA_MAX_BUDDIES           1
#define PJSUA_MAX_PLAYERS           4
#define PJSUA_MAX_RECORDERS         4

/* ---- Sockets ---- */

/* The media poll set: RTP and RTCP of each leg, and those that closed in the last half second (a closed key is not
 * reused earlier, PJ_IOQUEUE_KEY_FREE_DELAY). Needs epoll, as select() ends at descriptor 1024, and a limit of open
 * files to match. Half a KB each, taken at the start. */
#define PJ_IOQUEUE_MAX_HANDLES      (2 * PJSUA_MAX_CALLS + 1024)

/* One thread looks at each poll set, so none needs EPOLLEXCLUSIVE, with which no entry of a set can be changed. */
#define PJ_IOQUEUE_DEFAULT_EPOLL_FLAGS  0

/* The SIP poll set: listeners and TCP/TLS connections. Each connection holds 64 to 128 KB of buffers, so the limit is
 * also what a flood of connections can cost us (256 MB). */
#define PJSIP_MAX_TRANSPORTS        2048

/* Connections waiting to be accepted. With upstream's 5 a caller waits a second and more when many reconnect at once, as
 * all do after a restart of ours. The second is that of TLS (ssl_sock_imp_common.c), which has a name that nobody reads. */
#define PJSIP_TCP_TRANSPORT_BACKLOG 128
#define PJ_SOMAXCONN                128

/* Seconds after which a connection that brought no message of SIP is closed. Upstream keeps it for ten minutes. */
#define PJSIP_TRANSPORT_SERVER_IDLE_TIME_FIRST 15

/* 4 MB hold about a second of INVITEs while Python is busy. The kernel gives less when net.core.rmem_max is lower
 * (212,992 on a stock Debian), without an error. */
#define PJSIP_UDP_SO_RCVBUF_SIZE    (4 * 1024 * 1024)
#define PJSIP_UDP_SO_SNDBUF_SIZE    (4 * 1024 * 1024)

/* ---- Tables: the width of hash tables, not a limit (2^n - 1) ---- */

/* 60 legs a second, two to three transactions each, and an INVITE transaction over UDP lives 32 s. */
#define PJSIP_MAX_TSX_COUNT         8191
#define PJSIP_MAX_DIALOG_COUNT      4095

/* ---- Sizes of messages ---- */

/*
 * One message, received or sent: the most that UDP carries. Upstream's 4,000 drops a larger INVITE as a syntax error.
 * It is also the only limit on headers: their number and length are free as long as the message fits. Printing checks
 * it (sip_msg.c, pjsip_msg_print returns -1, sending fails with PJSIP_EMSGTOOLONG), and reading checks it
 * (sip_transport_udp.c and the buffers of TCP and TLS). Known exceptions, all of upstream:
 *   - the method and the reason phrase are copied without a check (sip_msg.c, pjsip_msg_print): a reason of more than
 *     65,000 bytes writes beyond the buffer, so whoever sets one keeps it short;
 *   - a header *name* of 64 bytes or more is never looked up as a known header (PJSIP_MAX_HNAME_LEN, not ours to set):
 *     it arrives as a plain one, whole;
 *   - Accept, Allow, Supported, Require and Unsupported keep 32 values (PJSIP_GENERIC_ARRAY_MAX_COUNT);
 *   - the log cuts a message at 4,000 bytes (PJ_LOG_MAX_SIZE), which is only what it shows.
 */
#define PJSIP_MAX_PKT_LEN           65535

/* The memory of a message that arrives holds its buffer from the start, else a second block is taken and given back for
 * each of them. */
#define PJSIP_POOL_RDATA_LEN        (PJSIP_MAX_PKT_LEN + 8000)

/* What most messages that are sent need, and all of a stream (as pools.patch does for what has no setting). */
#define PJSIP_POOL_LEN_TDATA        8000
#define PJMEDIA_STREAM_SIZE         16000

/* The text of one URI, where PJSIP prints it for us: CallInfo shows a longer From or To as "<-error: uri too long->"
 * (sip_dialog.c) and a longer Contact as nothing. No limit of the message itself: longer URIs are read, answered and
 * sent. It is the size of buffers on the C stack, hence not larger. */
#define PJSIP_MAX_URL_SIZE          2048

/* ---- Safety ---- */

/* RTP goes to where SDP says and comes from there. Upstream follows whoever sends more than ten packets to our port, so
 * that a stranger can have the audio of a call sent to him. */
#define PJMEDIA_RTP_NAT_PROBATION_CNT   0x7FFFFFFF
#define PJMEDIA_RTCP_NAT_PROBATION_CNT  0x7FFFFFFF

/* Asserts end the process, and what peers send must never do that. Without them the same checks return an error. */
#define PJ_DEBUG                    0
#define PJ_ENABLE_EXTRA_CHECK       1

/* A received message is parsed into views of its buffer. Unescaping there would change what we read headers from. */
#define PJSIP_UNESCAPE_IN_PLACE     0

/* 5 shows each message, for the day it is needed; what is written is decided at run time. */
#define PJ_LOG_MAX_LEVEL            5
