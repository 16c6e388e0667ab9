/*
 * Answers requests that belong to no dialog and start no call. PJSUA leaves most of them without an answer, so that the
 * sender repeats each for half a minute, and takes subscriptions from anybody.
 */
#ifndef GATEWAY_STRAYS_HPP
#define GATEWAY_STRAYS_HPP

#include <pjsua-lib/pjsua_internal.h>

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

/* The dialogs had their turn before: what arrives here is in none. */
static pj_bool_t answerStray(pjsip_rx_data *rdata)
{
    const pjsip_msg *msg = rdata->msg_info.msg;
    pjsip_hdr headers;
    const pjsip_hdr *allow;
    int code = 405;

    switch (msg->line.req.method.id) {
    case PJSIP_INVITE_METHOD:
    case PJSIP_ACK_METHOD:
    case PJSIP_CANCEL_METHOD:
    case PJSIP_OPTIONS_METHOD:
        return PJ_FALSE;
    default:
        break;
    }
    if (pjsip_rdata_get_dlg(rdata) || pjsip_rdata_get_tsx(rdata))
        return PJ_FALSE;
    if (needsDialog(msg))
        code = 481;

    pj_list_init(&headers);
    allow = pjsip_endpt_get_capability(pjsua_var.endpt, PJSIP_H_ALLOW, NULL);
    if (code == 405 && allow)
        pj_list_push_back(&headers, pjsip_hdr_clone(rdata->tp_info.pool, allow));
    pjsip_endpt_respond_stateless(pjsua_var.endpt, rdata, code, NULL, &headers, NULL);
    return PJ_TRUE;
}

void sipAnswerStrays()
{
    static pjsip_module strays;

    strays.name = pj_str((char *)"gateway-strays");
    strays.id = -1;
    strays.priority = PJSIP_MOD_PRIORITY_DIALOG_USAGE - 1;
    strays.on_rx_request = &answerStray;
    pjsip_endpt_register_module(pjsua_var.endpt, &strays);
}

#endif
