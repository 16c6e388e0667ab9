/*
 * How much strangers are worth: requests from addresses that no trunk allows are handed on (to their 403, 405 or 481) so
 * many times a second, an INVITE being answered right here, and beyond that there is silence. It stands before everything
 * else that PJSIP does with a message.
 */
#ifndef GATEWAY_DOOR_HPP
#define GATEWAY_DOOR_HPP

#include <pjsua-lib/pjsua_internal.h>
#include "networks.hpp"
#include "turned-away.hpp"

struct Door
{
    Networks allowed;
    unsigned answers;      /* a second, and at once */
    std::string warning;   /* what an INVITE is told that gets one */
    double left;
    pj_timestamp filled;

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

/* An ACK asks for nothing, and whom we call may speak in the dialog without being allowed to call. */
static bool isExpected(pjsip_rx_data *rdata)
{
    const pj_str_t *ours = &rdata->msg_info.to->tag;

    if (rdata->msg_info.msg->line.req.method.id == PJSIP_ACK_METHOD)
        return true;
    return ours->slen && pjsip_ua_find_dialog(&rdata->msg_info.cid->id, ours, &rdata->msg_info.from->tag, PJ_FALSE);
}

/* Before PJSUA looks at it: what it refuses by itself (a codec, an extension) is no stranger's to know. */
static void refuseCall(pjsip_rx_data *rdata)
{
    const pj_str_t name = { (char *)"Warning", 7 };
    const pj_str_t value = { (char *)door.warning.data(), (pj_ssize_t)door.warning.size() };
    pjsip_hdr headers;

    pj_list_init(&headers);
    pj_list_push_back(&headers, pjsip_generic_string_hdr_create(rdata->tp_info.pool, &name, &value));
    countTurnedAway(STRANGER, rdata);
    pjsip_endpt_respond_stateless(pjsua_var.endpt, rdata, PJSIP_SC_FORBIDDEN, NULL, &headers, NULL);
}

static pj_bool_t atDoor(pjsip_rx_data *rdata)
{
    const pj_sockaddr *source = &rdata->pkt_info.src_addr;

    if (!door.answers || source->addr.sa_family != pj_AF_INET() ||
        networks_have(door.allowed.data(), (unsigned)door.allowed.size(), source))
    {
        return PJ_FALSE;
    }
    if (isExpected(rdata))
        return PJ_FALSE;
    if (!door.answersNow())
        countTurnedAway(SILENCED, rdata);
    else if (rdata->msg_info.msg->line.req.method.id == PJSIP_INVITE_METHOD)
        refuseCall(rdata);
    else
        return PJ_FALSE;
    return PJ_TRUE;
}

/* `allowed` are the networks of all trunks, `warning` is a value of Warning. */
void sipSetDoor(const NetworkWords &allowed, unsigned answers, const std::string &warning)
{
    static pjsip_module module;

    door.allowed = parseNetworks(allowed);
    if (!door.answers) {
        door.left = answers;
        pj_get_timestamp(&door.filled);
        module.name = pj_str((char *)"gateway-door");
        module.id = -1;
        module.priority = PJSIP_MOD_PRIORITY_TRANSPORT_LAYER + 1;
        module.on_rx_request = &atDoor;
        pjsip_endpt_register_module(pjsua_var.endpt, &module);
    }
    door.answers = answers;
    door.warning = warning;
}

#endif
