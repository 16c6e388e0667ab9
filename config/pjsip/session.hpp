/*
 * Session-ID (RFC 7989) in every message of a dialog. The stack makes most of them by itself (ACK, the 200 to a BYE, a
 * refresh of the session), so the header is put in where messages leave.
 */
#ifndef GATEWAY_SESSION_HPP
#define GATEWAY_SESSION_HPP

#include <pjsua-lib/pjsua_internal.h>
#include <cstring>
#include <string>

static const size_t UUID_CHARACTERS = 32;
static const size_t REMOTE = UUID_CHARACTERS + 8;
static const size_t SESSION_CHARACTERS = REMOTE + UUID_CHARACTERS; /* UUID;remote=UUID */

static const pj_str_t SESSION_ID = { (char *)"Session-ID", 10 };

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

/* A CANCEL has no tag to find its dialog by, an ACK no transaction, and that to a refusal a tag that made no dialog. */
static pjsip_dialog *dialogOf(const pjsip_tx_data *tdata)
{
    const pjsip_cid_hdr *cid = (const pjsip_cid_hdr *)pjsip_msg_find_hdr(tdata->msg, PJSIP_H_CALL_ID, NULL);
    const pjsip_from_hdr *from = (const pjsip_from_hdr *)pjsip_msg_find_hdr(tdata->msg, PJSIP_H_FROM, NULL);
    const pjsip_to_hdr *to = (const pjsip_to_hdr *)pjsip_msg_find_hdr(tdata->msg, PJSIP_H_TO, NULL);
    static const pj_str_t none = { NULL, 0 };
    pjsip_transaction *tsx = (pjsip_transaction *)tdata->mod_data[pjsip_tsx_layer_instance()->id];
    pjsip_dialog *dialog = tsx ? pjsip_tsx_get_dlg(tsx) : NULL;

    if (dialog || !cid || !from || !to)
        return dialog;
    if (tdata->msg->type == PJSIP_REQUEST_MSG) {
        dialog = pjsip_ua_find_dialog(&cid->id, &from->tag, &to->tag, PJ_FALSE);
        return dialog ? dialog : pjsip_ua_find_dialog(&cid->id, &from->tag, &none, PJ_FALSE);
    }
    return pjsip_ua_find_dialog(&cid->id, &to->tag, &from->tag, PJ_FALSE);
}

/* A response is made out of the one before it, with what that said. What was printed already is sent again as it is. */
static pj_status_t tellSession(pjsip_tx_data *tdata)
{
    const pjsip_dialog *dialog = pjsip_tx_data_is_valid(tdata) ? NULL : dialogOf(tdata);
    const char *session = dialog ? (const char *)dialog->mod_data[sessionModule.id] : NULL;

    if (!session)
        return PJ_SUCCESS;
    while (void *said = pjsip_msg_find_hdr_by_name(tdata->msg, &SESSION_ID, NULL))
        pj_list_erase(said);
    const pj_str_t value = pj_str((char *)session);
    pjsip_msg_add_hdr(tdata->msg, (pjsip_hdr *)pjsip_generic_string_hdr_create(tdata->pool, &SESSION_ID, &value));
    return PJ_SUCCESS;
}

/* The UUID that the sender of a message gives itself, in lower case; as bridge/session.py reads it. */
static bool readUuid(const pjsip_msg *msg, char *uuid)
{
    const pjsip_generic_string_hdr *said =
        (const pjsip_generic_string_hdr *)pjsip_msg_find_hdr_by_name(msg, &SESSION_ID, NULL);
    bool isNil = true;

    if (!said || said->hvalue.slen < (pj_ssize_t)UUID_CHARACTERS ||
        pjsip_msg_find_hdr_by_name(msg, &SESSION_ID, said->next))
    {
        return false;
    }
    for (size_t i = 0; i < UUID_CHARACTERS; ++i) {
        if (!pj_isxdigit(said->hvalue.ptr[i]))
            return false;
        uuid[i] = (char)pj_tolower(said->hvalue.ptr[i]);
        isNil = isNil && uuid[i] == '0';
    }
    pj_ssize_t after = UUID_CHARACTERS;
    while (after < said->hvalue.slen && pj_isblank(said->hvalue.ptr[after]))
        ++after;
    return !isNil && (after == said->hvalue.slen || said->hvalue.ptr[after] == ';');
}

/* Whoever answers our INVITE is acknowledged before anybody asks what it is to be told: it is told what it says it is. */
static pj_bool_t hearSession(pjsip_rx_data *rdata)
{
    char uuid[UUID_CHARACTERS];
    pj_str_t key;

    if (rdata->msg_info.cseq->method.id != PJSIP_INVITE_METHOD || rdata->msg_info.msg->line.status.code <= 100 ||
        !readUuid(rdata->msg_info.msg, uuid) ||
        pjsip_tsx_create_key(rdata->tp_info.pool, &key, PJSIP_ROLE_UAC, &rdata->msg_info.cseq->method, rdata) !=
            PJ_SUCCESS)
    {
        return PJ_FALSE;
    }
    pjsip_transaction *tsx = pjsip_tsx_layer_find_tsx(&key, PJ_FALSE);
    const pjsip_dialog *dialog = tsx ? pjsip_tsx_get_dlg(tsx) : NULL;
    char *session = dialog ? (char *)dialog->mod_data[sessionModule.id] : NULL;
    if (session)
        memcpy(session + REMOTE, uuid, UUID_CHARACTERS);
    return PJ_FALSE;
}

/* Once, between libInit and libStart. It hears a response before its transaction does, which acknowledges a refusal. */
void sipTellSessions()
{
    sessionModule.name = pj_str((char *)"gateway-session");
    sessionModule.id = -1;
    sessionModule.priority = PJSIP_MOD_PRIORITY_TSX_LAYER - 1;
    sessionModule.on_rx_response = &hearSession;
    sessionModule.on_tx_request = &tellSession;
    sessionModule.on_tx_response = &tellSession;
    pjsip_endpt_register_module(pjsua_var.endpt, &sessionModule);
}

#endif
