/*
 * What the gateway needs of PJSIP for its trunks besides calls: TLS that is sure of the peer's name, certificates that
 * are changed while it runs, names that are looked up without waiting, and a question to a peer whether it is there.
 */
#ifndef GATEWAY_TRUNKS_HPP
#define GATEWAY_TRUNKS_HPP

#include <pjsua2.hpp>
#ifndef SWIG
#include <pjsua-lib/pjsua_internal.h>
#include "networks.hpp"
#include "turned-away.hpp"
#endif
#include <map>
#include <set>
#include <string>
#include <vector>

/* Names of hosts. */
typedef std::vector<std::string> HostNames;

class Stack : public pj::Endpoint
{
public:
    Stack() {}
    virtual ~Stack() {}

    /*
     * Let the stack work until something happened, for so many milliseconds at most. Upstream comes back as soon as one
     * of its own timers is due, which means nothing to anybody else and comes four times a call. Before, let go of all legs
     * that ended: their places in PJSIP are given to new calls from here on (places.patch).
     * Whether anything was turned away meanwhile without Python (turned-away.hpp).
     */
    bool work(unsigned milliseconds);

    /*
     * A TLS connection was given up, for Python to override. `peer` is the name or address it was with, `code` the
     * status of PJSIP and `problems` the bits of PJ_SSL_CERT_E..., 0 when the certificate was not the reason.
     */
    virtual void onTlsFailure(bool inbound, const std::string &peer, int code, unsigned problems)
    { PJ_UNUSED_ARG(inbound); PJ_UNUSED_ARG(peer); PJ_UNUSED_ARG(code); PJ_UNUSED_ARG(problems); }

    /*
     * Have a TLS listener and the connections that are made from now on use these files; those that are up stay. It
     * opens the listener anew, as `transport` says: PJSIP keeps what OpenSSL made of a certificate with the socket.
     */
    void useTls(int transport_id, const pj::TransportConfig &transport) PJSUA2_THROW(pj::Error);

    /* Names of our trunks: a peer that is called by its address must prove one of them. */
    void setTrustedNames(const HostNames &names) { trusted = names; }

    /*
     * What arrives from these networks ("10.0.0.0", "8") over a transport is for this account, whatever it claims; of
     * two networks that have its source, for that of the smaller one. What nobody is assigned is for the default account.
     */
    void assign(int transport, const std::vector<std::string> &networks, int account_id);
    void assignNothing() { sources.clear(); }

    /*
     * The address of a host is wanted, for Python to override: `resolved` answers, then or later, with IPv4 addresses,
     * all of which are tried in turn; with none the request fails. Upstream asks the system and waits, with all calls.
     */
    virtual void onResolve(int query, const std::string &host) { PJ_UNUSED_ARG(query); PJ_UNUSED_ARG(host); }
    void resolved(int query, const HostNames &addresses);

    /* Whether no peer owes us an answer: in a call, which we may have ended, or to a registration, which we took back. */
    bool hasSettled() const;

    /* Ask `onResolve` from now on; once, after libInit. */
    void resolveNames() PJSUA2_THROW(pj::Error);

    /* ---- pjsua2's callbacks, answered here ---- */

    void onTransportState(const pj::OnTransportStateParam &prm) override;
    void onSelectAccount(pj::OnSelectAccountParam &prm) override;

#ifndef SWIG
private:
    struct Source
    {
        int transport;
        struct network network;
        pjsua_acc_id account;
    };

    struct Query
    {
        pjsip_host_info target;
        void *token;
        pjsip_resolver_callback *answer;
    };

    std::vector<Source> sources;
    HostNames trusted;
    std::map<int, Query> queries;
    std::set<const pjsip_transport *> secured;  /* connections of ours whose handshake was done */
    int lastQuery = 0;

    static void resolve(pjsip_resolver_t *resolver, pj_pool_t *pool, const pjsip_host_info *target, void *token,
                        pjsip_resolver_callback *answer);
    bool provesName(const std::string &peer, const pj::SslCertInfo &cert) const;
    static void onAcceptFailed(const pjsip_tls_on_accept_fail_param *param);
#endif
};

class Trunk : public pj::Account
{
public:
    Trunk() {}
    virtual ~Trunk() {}

    /* The end of a probe, for Python to override. Nobody answered: 408; no connection to ask on: 503. */
    virtual void onProbed(int token, int code) { PJ_UNUSED_ARG(token); PJ_UNUSED_ARG(code); }

    /* An INVITE, for Python to override: the call it is in PJSIP, its text, and where it came from (host:port). */
    virtual void onInvite(int call_id, const std::string &message, const std::string &source)
    { PJ_UNUSED_ARG(call_id); PJ_UNUSED_ARG(message); PJ_UNUSED_ARG(source); }

    /* OPTIONS, outside of any call (RFC 3261, section 11). `token` comes back with its end. */
    void probe(const std::string &uri, int token) PJSUA2_THROW(pj::Error);

    /* ---- pjsua2's callbacks, answered here ---- */

    void onSendRequest(pj::OnSendRequestParam &prm) override;
    void onIncomingCall(pj::OnIncomingCallParam &prm) override
    { onInvite(prm.callId, prm.rdata.wholeMsg, prm.rdata.srcAddress); }
};

#ifndef SWIG

/* As PJSUA2_CHECK_EXPR, which only upstream's own files can use. */
static void throwUnless(pj_status_t status)
{
    if (status != PJ_SUCCESS)
        throw pj::Error(status, "", "", "", 0);
}

/* RFC 6125, section 6.4.3: `*` is the whole of the leftmost label. RFC 5922 wants none, and Twilio's have one. */
static bool certNameCovers(const std::string &name, const std::string &host)
{
    const pj_str_t wanted = { (char *)host.data(), (pj_ssize_t)host.size() };
    pj_in_addr address;

    if (name.size() == host.size() && pj_ansi_strnicmp(name.data(), host.data(), host.size()) == 0)
        return true;
    const size_t dot = host.find('.');
    if (name.compare(0, 2, "*.") || dot == std::string::npos || pj_inet_pton(pj_AF_INET(), &wanted, &address) == 0)
        return false;
    const std::string domain = host.substr(dot), covered = name.substr(1);
    return dot > 0 && covered.find('.', 1) != std::string::npos && covered.size() == domain.size() &&
           pj_ansi_strnicmp(covered.data(), domain.data(), domain.size()) == 0;
}

/* The names of the certificate, and its common name only where it has no others (RFC 6125, section 6.4.4). */
static bool certCovers(const pj::SslCertInfo &cert, const std::string &host)
{
    bool named = false;

    for (size_t i = 0; i < cert.subjectAltName.size(); ++i) {
        const pj::SslCertName &name = cert.subjectAltName[i];
        if (name.type != PJ_SSL_CERT_NAME_DNS && name.type != PJ_SSL_CERT_NAME_IP)
            continue;
        named = true;
        if (certNameCovers(name.name, host))
            return true;
    }
    return !named && certNameCovers(cert.subjectCn, host);
}

/* A peer's Record-Route names addresses, and certificates hardly ever do: then it has to be one of our trunks. */
inline bool Stack::provesName(const std::string &peer, const pj::SslCertInfo &cert) const
{
    const pj_str_t text = { (char *)peer.data(), (pj_ssize_t)peer.size() };
    pj_in_addr address;

    if (certCovers(cert, peer))
        return true;
    if (pj_inet_pton(pj_AF_INET(), &text, &address) != 0)
        return false;
    for (size_t i = 0; i < trusted.size(); ++i) {
        if (certCovers(cert, trusted[i]))
            return true;
    }
    return false;
}

/* What OpenSSL says of a handshake; PJSIP has its errors in a range of their own (ssl_sock_ossl.c). */
static bool isTlsError(pj_status_t status)
{
    const pj_status_t first = PJ_ERRNO_START_USER + PJ_ERRNO_SPACE_SIZE * 6;
    return status >= first && status < first + PJ_ERRNO_SPACE_SIZE;
}

/* The peer took the connection and ended it, which before the end of a handshake is its answer to ours. */
static bool isHungUp(pj_status_t status)
{
    return status == PJ_EEOF || status == PJ_STATUS_FROM_OS(ECONNRESET) || status == PJ_STATUS_FROM_OS(EPIPE);
}

inline void Stack::onTransportState(const pj::OnTransportStateParam &prm)
{
    pjsip_transport *transport = (pjsip_transport *)prm.hnd;
    const bool secure = (transport->key.type & ~PJSIP_TRANSPORT_IPV6) == PJSIP_TRANSPORT_TLS;

    if (!secure || transport->dir != PJSIP_TP_DIR_OUTGOING)
        return;
    const std::string peer(transport->remote_name.host.ptr, transport->remote_name.host.slen);
    if (prm.state == PJSIP_TP_STATE_CONNECTED) {
        secured.insert(transport);
        unsigned problems = prm.tlsInfo.verifyStatus & ~(unsigned)PJ_SSL_CERT_EIDENTITY_NOT_MATCH;
        if (!provesName(peer, prm.tlsInfo.remoteCertInfo))
            problems |= PJ_SSL_CERT_EIDENTITY_NOT_MATCH;
        if (problems) {
            pjsip_transport_shutdown(transport);  /* before anything was sent on it */
            onTlsFailure(false, peer, PJSIP_TLS_ECERTVERIF, problems);
        }
    } else if (prm.state == PJSIP_TP_STATE_DISCONNECTED) {
        const bool begun = secured.erase(transport) == 0;
        if (prm.lastError == PJ_ETIMEDOUT || isTlsError(prm.lastError) || (begun && isHungUp(prm.lastError)))
            onTlsFailure(false, peer, prm.lastError, 0);
    } else if (prm.state == PJSIP_TP_STATE_DESTROY) {
        secured.erase(transport);
    }
}

inline bool Stack::work(unsigned milliseconds)
{
    pj_timestamp began, now;
    unsigned passed = 0;

    pj_get_timestamp(&began);
    while (libHandleEvents(milliseconds - passed) == 0 && !pjsua_call_places_rest()) {
        pj_get_timestamp(&now);
        passed = pj_elapsed_msec(&began, &now);
        if (passed >= milliseconds)
            break;
    }
    return somethingTurnedAway();
}

inline bool Stack::hasSettled() const
{
    for (const pjsua_acc &account : pjsua_var.acc) {
        if (account.valid && account.regc)
            return false;
    }
    return pjsua_call_get_count() == 0;
}

inline void Stack::assign(int transport, const std::vector<std::string> &networks, int account_id)
{
    for (const struct network &network : parseNetworks(networks))
        sources.push_back({ transport, network, account_id });
}

inline void Stack::onSelectAccount(pj::OnSelectAccountParam &prm)
{
    const pjsip_rx_data *rdata = (const pjsip_rx_data *)prm.rdata.pjRxData;
    const Source *best = NULL;

    for (const Source &source : sources) {
        if (source.transport == (int)rdata->tp_info.transport->key.type &&
            networks_have(&source.network, 1, &rdata->pkt_info.src_addr) &&
            (!best || source.network.mask > best->network.mask))
        {
            best = &source;
        }
    }
    prm.accountIndex = best ? best->account : pjsua_acc_get_default();
}

inline void Stack::onAcceptFailed(const pjsip_tls_on_accept_fail_param *param)
{
    char peer[PJ_INET6_ADDRSTRLEN + 10] = "";

    if (param->remote_addr)
        pj_sockaddr_print(param->remote_addr, peer, sizeof(peer), 0);
    static_cast<Stack &>(pj::Endpoint::instance()).onTlsFailure(true, peer, param->status, 0);
}

inline void Stack::useTls(int transport_id, const pj::TransportConfig &transport)
{
    pjsip_tls_setting setting = transport.tlsConfig.toPj();
    const pj_str_t host = { (char *)transport.boundAddress.data(), (pj_ssize_t)transport.boundAddress.size() };
    const pj_str_t published = { (char *)transport.publicAddress.data(), (pj_ssize_t)transport.publicAddress.size() };
    const pjsip_host_port name = { published, (int)transport.port };
    pj_sockaddr local;

    setting.on_accept_fail_cb = &Stack::onAcceptFailed;
    setting.verify_server = PJ_FALSE;  /* PJSIP takes no wildcard; onTransportState verifies */
    throwUnless(pj_sockaddr_init(pj_AF_INET(), &local, host.slen ? &host : NULL, (pj_uint16_t)transport.port));
    throwUnless(pjsip_tls_transport_restart2(pjsua_var.tpdata[transport_id].data.factory, &setting, &local,
                                             published.slen ? &name : NULL));
}

inline void Stack::resolveNames()
{
    static pjsip_ext_resolver ours = { &Stack::resolve };
    throwUnless(pjsip_endpt_set_ext_resolver(pjsua_var.endpt, &ours));
}

inline void Stack::resolve(pjsip_resolver_t *resolver, pj_pool_t *pool, const pjsip_host_info *target, void *token,
                           pjsip_resolver_callback *answer)
{
    Stack &stack = static_cast<Stack &>(pj::Endpoint::instance());
    const std::string host(target->addr.host.ptr, target->addr.host.slen);
    const int number = ++stack.lastQuery;
    const Query query = { *target, token, answer };
    pj_in_addr address;

    PJ_UNUSED_ARG(resolver);
    PJ_UNUSED_ARG(pool);
    stack.queries[number] = query;
    if (pj_inet_pton(pj_AF_INET(), &target->addr.host, &address) == PJ_SUCCESS)
        stack.resolved(number, HostNames(1, host));
    else
        stack.onResolve(number, host);
}

/* The transport that a request leaves by (RFC 3263, section 4.1, without DNS's word on it). */
static pjsip_transport_type_e transportTo(const pjsip_host_info &target)
{
    if (target.type != PJSIP_TRANSPORT_UNSPECIFIED)
        return target.type;
    if (target.flag & PJSIP_TRANSPORT_SECURE)
        return PJSIP_TRANSPORT_TLS;
    return target.flag & PJSIP_TRANSPORT_RELIABLE ? PJSIP_TRANSPORT_TCP : PJSIP_TRANSPORT_UDP;
}

inline void Stack::resolved(int number, const HostNames &addresses)
{
    const std::map<int, Query>::iterator found = queries.find(number);
    if (found == queries.end())
        return;
    const Query query = found->second;
    const pjsip_transport_type_e type = transportTo(query.target);
    const int port = query.target.addr.port ? query.target.addr.port : pjsip_transport_get_default_port_for_type(type);
    pjsip_server_addresses servers;

    queries.erase(found);
    pj_bzero(&servers, sizeof(servers));
    for (size_t i = 0; i < addresses.size() && servers.count < PJSIP_MAX_RESOLVED_ADDRESSES; ++i) {
        const pj_str_t text = { (char *)addresses[i].data(), (pj_ssize_t)addresses[i].size() };
        pj_in_addr address;
        if (pj_inet_pton(pj_AF_INET(), &text, &address) != PJ_SUCCESS)
            continue;
        servers.entry[servers.count].name = query.target.addr.host;  /* of the message that waits */
        servers.entry[servers.count].type = type;
        servers.entry[servers.count].addr_len = sizeof(pj_sockaddr_in);
        pj_sockaddr_in_init(&servers.entry[servers.count].addr.ipv4, &text, (pj_uint16_t)port);
        ++servers.count;
    }
    (*query.answer)(servers.count ? PJ_SUCCESS : PJ_ERESOLVE, query.token, &servers);
}

inline void Trunk::probe(const std::string &uri, int token)
{
    const pj_str_t method = { (char *)"OPTIONS", 7 };
    const pj_str_t target = { (char *)uri.data(), (pj_ssize_t)uri.size() };
    throwUnless(pjsua_acc_send_request(getId(), &target, &method, NULL, (void *)(pj_ssize_t)token, NULL));
}

inline void Trunk::onSendRequest(pj::OnSendRequestParam &prm)
{
    onProbed((int)(pj_ssize_t)prm.userData, prm.e.body.tsxState.tsx.statusCode);
}

#endif
#endif
