/*
 * Answers requests that belong to no dialog and start no call. PJSUA leaves most of them without an answer, so that the
 * sender repeats each for half a minute, and takes subscriptions from anybody. Strangers' never come here (door.hpp).
 */
#ifndef GATEWAY_STRAYS_HPP
#define GATEWAY_STRAYS_HPP

#include <pjsua-lib/pjsua_internal.h>
#include "turned-away.hpp"

/* Take a value out of a header such as Allow. */
static void takeOut(pjsip_generic_array_hdr *header, const char *value)
{
    for (unsigned i = 0; header && i < header->count; ++i) {
        if (pj_stricmp2(&header->values[i], value) == 0) {
            pj_array_erase(header->values, sizeof(header->values[0]), header->count, i);
            --header->count;
            return;
        }
    }
}

/* Whether the request makes sense only inside a dialog (RFC 3261, section 12.2.2; RFC 3311, 3262, 6086, 6665). */
static bool needsDialog(const pjsip_msg *msg)
{
    static const char *names[] = { "BYE", "INFO", "UPDATE", "PRACK", "NOTIFY" };
    const pjsip_to_hdr *to = (const pjsip_to_hdr *)pjsip_msg_find_hdr(msg, PJSIP_H_TO, NULL);

    if (to && to->tag.slen)
        return true;
    for (unsigned i = 0; i < PJ_ARRAY_SIZE(names); ++i) {
        if (pj_strcmp2(&msg->line.req.method.name, names[i]) == 0)
            return true;
    }
    return false;
}

/* What a method gets that no call needs: 405 with what may be sent, 501 when nobody here knows it (RFC 3261, 21.5.2). */
static int answerMethod(const pjsip_method *method, pj_pool_t *pool, pjsip_hdr *headers)
{
    static const char *known[] = { "REGISTER", "MESSAGE", "PUBLISH", "REFER" };
    const pjsip_hdr *allow = pjsip_endpt_get_capability(pjsua_var.endpt, PJSIP_H_ALLOW, NULL);

    if (allow)
        pj_list_push_back(headers, pjsip_hdr_clone(pool, allow));
    for (unsigned i = 0; i < PJ_ARRAY_SIZE(known); ++i) {
        if (pj_strcmp2(&method->name, known[i]) == 0)
            return 405;
    }
    return 501;
}

/* 0 for what PJSUA answers as it should. */
static int answerOutside(pjsip_rx_data *rdata, pjsip_hdr *headers)
{
    const pjsip_msg *msg = rdata->msg_info.msg;
    const pjsip_method *method = &msg->line.req.method;
    pj_pool_t *pool = rdata->tp_info.pool;

    if (needsDialog(msg))
        return 481;
    if (method->id == PJSIP_OPTIONS_METHOD)
        return 0;
    if (pj_strcmp2(&method->name, "SUBSCRIBE") == 0) { /* RFC 6665, section 4.2.1.1 */
        const pj_str_t name = { (char *)"Allow-Events", 12 }, refer = { (char *)"refer", 5 };
        pj_list_push_back(headers, pjsip_generic_string_hdr_create(pool, &name, &refer));
        return 489;
    }
    return answerMethod(method, pool, headers);
}

/* The dialogs had their turn before: what arrives here is in none. */
static pj_bool_t answerStray(pjsip_rx_data *rdata)
{
    pjsip_hdr headers;
    int code;

    switch (rdata->msg_info.msg->line.req.method.id) {
    case PJSIP_INVITE_METHOD:
    case PJSIP_ACK_METHOD:
    case PJSIP_CANCEL_METHOD:
        return PJ_FALSE;
    default:
        break;
    }
    if (pjsip_rdata_get_dlg(rdata) || pjsip_rdata_get_tsx(rdata))
        return PJ_FALSE;
    pj_list_init(&headers);
    code = answerOutside(rdata, &headers);
    if (!code)
        return PJ_FALSE;
    if (code != 481) /* which door.hpp counts */
        countTurnedAway(UNSUPPORTED, rdata->pkt_info.src_name);
    pjsip_endpt_respond_stateless(pjsua_var.endpt, rdata, code, NULL, &headers, NULL);
    return PJ_TRUE;
}

/* PJSUA says that it takes these, and nobody here reads them. */
static void allowLess()
{
    static const char *unread[] = { "MESSAGE", "PUBLISH" };
    pjsip_generic_array_hdr *allow =
        (pjsip_generic_array_hdr *)pjsip_endpt_get_capability(pjsua_var.endpt, PJSIP_H_ALLOW, NULL);

    for (unsigned i = 0; i < PJ_ARRAY_SIZE(unread); ++i)
        takeOut(allow, unread[i]);
}

void sipAnswerStrays()
{
    static pjsip_module strays;

    allowLess();
    strays.name = pj_str((char *)"gateway-strays");
    strays.id = -1;
    strays.priority = PJSIP_MOD_PRIORITY_DIALOG_USAGE - 1;
    strays.on_rx_request = &answerStray;
    pjsip_endpt_register_module(pjsua_var.endpt, &strays);
}

#endif
