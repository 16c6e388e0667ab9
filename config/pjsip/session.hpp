/*
 * Session-ID (RFC 7989) in every message of a dialog. The stack makes most of them by itself (ACK, the 200 to a BYE, a
 * refresh of the session), so the header is put in where messages leave.
 */
#ifndef GATEWAY_SESSION_HPP
#define GATEWAY_SESSION_HPP

#include <pjsua-lib/pjsua_internal.h>
#include <cstring>
#include <string>

static const size_t SESSION_CHARACTERS = 32 + 8 + 32; /* UUID;remote=UUID */

static pjsip_module sessionModule;

/* What the peer of this dialog is told from now on. It lives as long as the dialog, and takes the same place again. */
static void setSession(pjsip_dialog *dialog, const std::string &session)
{
    char *kept = (char *)dialog->mod_data[sessionModule.id];

    if (session.size() != SESSION_CHARACTERS)
        return;
    if (!kept)
        dialog->mod_data[sessionModule.id] = kept = (char *)pj_pool_zalloc(dialog->pool, SESSION_CHARACTERS + 1);
    memcpy(kept, session.data(), SESSION_CHARACTERS);
}

/* A CANCEL has no tag to find its dialog by, and an ACK no transaction. */
static pjsip_dialog *dialogOf(const pjsip_tx_data *tdata)
{
    const pjsip_cid_hdr *cid = (const pjsip_cid_hdr *)pjsip_msg_find_hdr(tdata->msg, PJSIP_H_CALL_ID, NULL);
    const pjsip_from_hdr *from = (const pjsip_from_hdr *)pjsip_msg_find_hdr(tdata->msg, PJSIP_H_FROM, NULL);
    const pjsip_to_hdr *to = (const pjsip_to_hdr *)pjsip_msg_find_hdr(tdata->msg, PJSIP_H_TO, NULL);
    pjsip_transaction *tsx = (pjsip_transaction *)tdata->mod_data[pjsip_tsx_layer_instance()->id];
    pjsip_dialog *dialog = tsx ? pjsip_tsx_get_dlg(tsx) : NULL;

    if (dialog || !cid || !from || !to)
        return dialog;
    if (tdata->msg->type == PJSIP_REQUEST_MSG)
        return pjsip_ua_find_dialog(&cid->id, &from->tag, &to->tag, PJ_FALSE);
    return pjsip_ua_find_dialog(&cid->id, &to->tag, &from->tag, PJ_FALSE);
}

/* A response is made out of the one before it, with what that said. What was printed already is sent again as it is. */
static pj_status_t tellSession(pjsip_tx_data *tdata)
{
    static const pj_str_t name = { (char *)"Session-ID", 10 };
    const pjsip_dialog *dialog = pjsip_tx_data_is_valid(tdata) ? NULL : dialogOf(tdata);
    const char *session = dialog ? (const char *)dialog->mod_data[sessionModule.id] : NULL;

    if (!session)
        return PJ_SUCCESS;
    while (void *said = pjsip_msg_find_hdr_by_name(tdata->msg, &name, NULL))
        pj_list_erase(said);
    const pj_str_t value = pj_str((char *)session);
    pjsip_msg_add_hdr(tdata->msg, (pjsip_hdr *)pjsip_generic_string_hdr_create(tdata->pool, &name, &value));
    return PJ_SUCCESS;
}

/* Once, between libInit and libStart. */
void sipTellSessions()
{
    sessionModule.name = pj_str((char *)"gateway-session");
    sessionModule.id = -1;
    sessionModule.priority = PJSIP_MOD_PRIORITY_UA_PROXY_LAYER - 1;
    sessionModule.on_tx_request = &tellSession;
    sessionModule.on_tx_response = &tellSession;
    pjsip_endpt_register_module(pjsua_var.endpt, &sessionModule);
}

#endif
