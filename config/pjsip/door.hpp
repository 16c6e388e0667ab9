/*
 * How much strangers are worth: requests from addresses that no trunk allows are answered right here, so many a second,
 * and so many connections are taken from there; beyond that there is silence. It stands before everything else that
 * PJSIP does with a message. Whoever comes over a connection of his own loses it when he has said something, and by
 * PJSIP_TRANSPORT_SERVER_IDLE_TIME_FIRST when he says nothing, so that strangers do not take the place of others.
 */
#ifndef GATEWAY_DOOR_HPP
#define GATEWAY_DOOR_HPP

#include <pjsua-lib/pjsua_internal.h>
#include "networks.hpp"
#include "strays.hpp"
#include "turned-away.hpp"

struct Door
{
    Networks allowed;
    unsigned answers;      /* a second, and at once */
    std::string warning;   /* what an INVITE is told that gets one */
    double left;
    pj_timestamp filled;

    bool knows(const pj_sockaddr *source) const
    {
        return networks_have(allowed.data(), (unsigned)allowed.size(), source);
    }

    /* A bucket that holds a second's worth. */
    bool answersNow()
    {
        pj_timestamp now;
        pj_get_timestamp(&now);
        left += answers * (pj_elapsed_usec(&filled, &now) / 1e6);
        left = left > answers ? answers : left;
        filled = now;
        if (left < 1)
            return false;
        left -= 1;
        return true;
    }
};

static Door door;

static pj_bool_t letsIn(const pj_sockaddr *source)
{
    char name[PJ_INET6_ADDRSTRLEN];

    if (door.knows(source) || door.answersNow())
        return PJ_TRUE;
    countTurnedAway(SILENCED, pj_sockaddr_print(source, name, sizeof(name), 0));
    return PJ_FALSE;
}

/* Of a request of the other side, or of our response to one. */
static bool isInDialog(const pjsip_cid_hdr *call_id, const pjsip_to_hdr *ours, const pjsip_from_hdr *theirs)
{
    return ours->tag.slen && pjsip_ua_find_dialog(&call_id->id, &ours->tag, &theirs->tag, PJ_FALSE);
}

static bool isAnswerToUs(pjsip_rx_data *rdata)
{
    pj_str_t key;

    return pjsip_tsx_create_key(rdata->tp_info.pool, &key, PJSIP_ROLE_UAC, &rdata->msg_info.cseq->method, rdata) ==
               PJ_SUCCESS &&
           pjsip_tsx_layer_find_tsx(&key, PJ_FALSE);
}

/* A connection that we made is not his to lose. What is being sent on one still leaves. */
static void closeBehind(pjsip_rx_data *rdata)
{
    if (rdata->tp_info.transport->dir == PJSIP_TP_DIR_INCOMING)
        pjsip_transport_shutdown(rdata->tp_info.transport);
}

/* An INVITE gets the same whatever it is like: what PJSUA refuses (a codec, an extension) is no stranger's to know. */
static int answerStranger(pjsip_rx_data *rdata, pjsip_hdr *headers)
{
    const pj_str_t name = { (char *)"Warning", 7 };
    const pj_str_t value = { (char *)door.warning.data(), (pj_ssize_t)door.warning.size() };
    int code;

    switch (rdata->msg_info.msg->line.req.method.id) {
    case PJSIP_INVITE_METHOD:
        pj_list_push_back(headers, pjsip_generic_string_hdr_create(rdata->tp_info.pool, &name, &value));
        return PJSIP_SC_FORBIDDEN;
    case PJSIP_CANCEL_METHOD: /* his INVITE has had its answer (RFC 3261, section 9.2) */
        return PJSIP_SC_CALL_TSX_DOES_NOT_EXIST;
    default:
        code = answerOutside(rdata, headers);
        return code ? code : PJSIP_SC_FORBIDDEN;
    }
}

static void turnAway(pjsip_rx_data *rdata)
{
    pjsip_hdr headers;
    int code;

    if (!door.answersNow()) {
        countTurnedAway(SILENCED, rdata->pkt_info.src_name);
        return;
    }
    countTurnedAway(STRANGER, rdata->pkt_info.src_name);
    pj_list_init(&headers);
    code = answerStranger(rdata, &headers);
    rdata->msg_info.via->maddr_param.slen = 0;  /* else he says to whom we send it, and which name we look up for that */
    pjsip_endpt_respond_stateless(pjsua_var.endpt, rdata, code, NULL, &headers, NULL);
}

/* BYE, ACK and CANCEL count all the same: one that is not taken would leave a call up. */
static pj_bool_t refuseUnreadable(pjsip_rx_data *rdata)
{
    const pj_str_t name = { (char *)"Warning", 7 };
    const pj_str_t value = { (char *)"399 gateway \"a header of this message cannot be read\"", 53 };
    pjsip_hdr headers;

    if (pj_list_empty(&rdata->msg_info.parse_err))
        return PJ_FALSE;
    switch (rdata->msg_info.msg->line.req.method.id) {
    case PJSIP_BYE_METHOD:
    case PJSIP_ACK_METHOD:
    case PJSIP_CANCEL_METHOD:
        return PJ_FALSE;
    default:
        break;
    }
    countTurnedAway(UNREADABLE, rdata->pkt_info.src_name);
    pj_list_init(&headers);
    pj_list_push_back(&headers, pjsip_generic_string_hdr_create(rdata->tp_info.pool, &name, &value));
    pjsip_endpt_respond_stateless(pjsua_var.endpt, rdata, PJSIP_SC_BAD_REQUEST, NULL, &headers, NULL);
    return PJ_TRUE;
}

static pj_bool_t onRequestAtDoor(pjsip_rx_data *rdata)
{
    if (door.knows(&rdata->pkt_info.src_addr) ||
        isInDialog(rdata->msg_info.cid, rdata->msg_info.to, rdata->msg_info.from)) /* whom we call need not be allowed to */
        return refuseUnreadable(rdata);
    if (rdata->msg_info.msg->line.req.method.id != PJSIP_ACK_METHOD) /* which asks for nothing */
        turnAway(rdata);
    closeBehind(rdata);
    return PJ_TRUE;
}

static pj_bool_t onResponseAtDoor(pjsip_rx_data *rdata)
{
    if (!door.knows(&rdata->pkt_info.src_addr) && !isAnswerToUs(rdata))
        closeBehind(rdata);
    return PJ_FALSE;
}

/* Several parts of PJSIP say 481 to what belongs to no call. Strangers' was counted, and so was an INVITE with Replaces. */
static pj_status_t onResponseLeaving(pjsip_tx_data *tdata)
{
    const pjsip_msg *msg = tdata->msg;

    if (msg->line.status.code == PJSIP_SC_CALL_TSX_DOES_NOT_EXIST && door.knows(&tdata->tp_info.dst_addr) &&
        !isInDialog(PJSIP_MSG_CID_HDR(msg), PJSIP_MSG_TO_HDR(msg), PJSIP_MSG_FROM_HDR(msg)))
        countTurnedAway(NO_DIALOG, tdata->tp_info.dst_name);
    return PJ_SUCCESS;
}

/* `allowed` are the networks of all trunks, `warning` is a value of Warning. */
void sipSetDoor(const NetworkWords &allowed, unsigned answers, const std::string &warning)
{
    static pjsip_module module;

    door.allowed = parseNetworks(allowed);
    if (!door.answers) {
        door.left = answers;
        pj_get_timestamp(&door.filled);
        pj_activesock_lets_in = &letsIn;
        module.name = pj_str((char *)"gateway-door");
        module.id = -1;
        module.priority = PJSIP_MOD_PRIORITY_TRANSPORT_LAYER + 1;
        module.on_rx_request = &onRequestAtDoor;
        module.on_rx_response = &onResponseAtDoor;
        module.on_tx_response = &onResponseLeaving;
        pjsip_endpt_register_module(pjsua_var.endpt, &module);
    }
    door.answers = answers;
    door.warning = warning;
}

#endif
