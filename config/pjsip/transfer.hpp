/*
 * Transfers as a leg sees them (RFC 3515, RFC 3891), in plain values: a REFER that waits until somebody decides, the
 * NOTIFYs that tell how it goes, and a REFER of our own with what the peer tells of it.
 *
 * PJSUA would call whomever a peer names in Refer-To, and give a leg to whoever names its dialog in Replaces. Here it
 * sees neither.
 */
#ifndef GATEWAY_TRANSFER_HPP
#define GATEWAY_TRANSFER_HPP

#include <pjsip-simple/evsub.h>
#include <pjsip-ua/sip_xfer.h>
#include <pjsua-lib/pjsua_internal.h>
#include <deque>
#include <string>
#include <vector>

static std::vector<std::string> splitWords(const std::string &words)
{
    std::vector<std::string> split;

    for (size_t at = 0, end; (end = words.find('\n', at)) != std::string::npos; at = end + 1)
        split.push_back(words.substr(at, end - at));
    return split;
}

/* Who is told. */
struct ReferEvents
{
    virtual ~ReferEvents() {}

    /* REFER; it waits for its answer. */
    virtual void onRefer(const std::string &message) = 0;

    /* The final response to our REFER. */
    virtual void onReferAnswer(int code) = 0;

    /* NOTIFY: the status that the peer's own call has; 0 if it says none. */
    virtual void onReferStatus(int code, bool last) = 0;
};

/* The REFERs of one dialog. */
class ReferDialog
{
public:
    explicit ReferDialog(ReferEvents &told) : told_(told), dialog_(NULL), report_(NULL), request_(NULL) {}
    ~ReferDialog() { detach(); }

    /* From now on REFER is ours to answer. */
    void attach(pjsip_dialog *dialog);

    /* The dialog is as good as gone: nothing is sent any more but answers that are due. */
    void detach();

    /* Answer the REFER that waits longest; 2xx begins its subscription with a NOTIFY of 100, unless none is wanted. */
    void answer(int code, const std::string &words);

    /* NOTIFY; nothing if nobody wants to know. */
    void notify(int code, bool last);

    /* REFER. */
    pj_status_t refer(const std::string &target);

    /* For the module: whether this request was taken. */
    bool take(pjsip_rx_data *rdata);

private:
    ReferEvents &told_;
    pjsip_dialog *dialog_;
    std::deque<pjsip_rx_data *> waiting_;
    pjsip_evsub *report_;  /* what we tell of a REFER that we follow */
    pjsip_evsub *request_; /* what we are told of ours */

    void accept(pjsip_rx_data *rdata, int code, const pjsip_hdr &headers);
    static void onReportState(pjsip_evsub *sub, pjsip_event *event);
    static void onRequestState(pjsip_evsub *sub, pjsip_event *event);
};

static pjsip_module referModule;

static void eraseHeaders(pjsip_msg *msg, const char *text)
{
    const pj_str_t name = pj_str((char *)text);

    while (void *found = pjsip_msg_find_hdr_by_name(msg, &name, NULL))
        pj_list_erase(found);
}

/* Of a dialog it takes REFER. From an INVITE it takes Replaces away, which is still in the text that we read. */
static pj_bool_t onTransferRequest(pjsip_rx_data *rdata)
{
    pjsip_msg *msg = rdata->msg_info.msg;
    pjsip_dialog *dialog = pjsip_rdata_get_dlg(rdata);

    if (!dialog) {
        if (msg->line.req.method.id == PJSIP_INVITE_METHOD)
            eraseHeaders(msg, "Replaces");
        return PJ_FALSE;
    }
    ReferDialog *it = (ReferDialog *)dialog->mod_data[referModule.id];
    return it && pjsip_method_cmp(&msg->line.req.method, pjsip_get_refer_method()) == 0 && it->take(rdata);
}

/* Once, between libInit and libStart. */
void sipTakeTransfers()
{
    referModule.name = pj_str((char *)"gateway-transfer");
    referModule.id = -1;
    /* A dialog takes it in while it asks its usages in turn: put before one that was asked, that one would be asked again
     * and acknowledge a 200 twice. Among equals it comes last, but before the subscriptions, which REFER makes later. */
    referModule.priority = PJSIP_MOD_PRIORITY_DIALOG_USAGE;
    referModule.on_rx_request = &onTransferRequest;
    pjsip_endpt_register_module(pjsua_var.endpt, &referModule);
}

/*
 * The call of a dialog; NULL when it is over. A dialog outlives its call, to answer what comes again, and what PJSUA
 * noted in it is a place that the next call may have by now.
 */
static pjsua_call *callOfDialog(const pjsip_dialog *dialog)
{
    pjsua_call *call = dialog ? (pjsua_call *)dialog->mod_data[pjsua_var.mod.id] : NULL;

    return call && call->inv && call->inv->dlg == dialog ? call : NULL;
}

/* The call whose dialog has these ids, as we see it; PJSUA_INVALID_ID if none has. */
int sipCallOfDialog(const std::string &call_id, const std::string &local_tag, const std::string &remote_tag)
{
    const pj_str_t id = pj_str((char *)call_id.c_str());
    const pj_str_t ours = pj_str((char *)local_tag.c_str()), theirs = pj_str((char *)remote_tag.c_str());
    const pjsua_call *call = callOfDialog(pjsip_ua_find_dialog(&id, &ours, &theirs, PJ_FALSE));

    return call && !call->hanging_up ? call->index : PJSUA_INVALID_ID;
}

inline void ReferDialog::attach(pjsip_dialog *dialog)
{
    dialog_ = dialog;
    pjsip_dlg_add_usage(dialog, &referModule, this);
}

inline void ReferDialog::detach()
{
    if (!dialog_)
        return;
    while (!waiting_.empty())
        answer(PJSIP_SC_CALL_TSX_DOES_NOT_EXIST, "");
    pjsip_evsub *open[] = { report_, request_ };
    report_ = request_ = NULL;
    for (unsigned i = 0; i < PJ_ARRAY_SIZE(open); ++i) {
        if (open[i]) {
            pjsip_evsub_set_mod_data(open[i], referModule.id, NULL);
            pjsip_evsub_terminate(open[i], PJ_FALSE);
        }
    }
    dialog_->mod_data[referModule.id] = NULL;
    dialog_ = NULL;
}

inline bool ReferDialog::take(pjsip_rx_data *rdata)
{
    pjsip_transaction *tsx = pjsip_rdata_get_tsx(rdata);
    pjsip_rx_data *kept;

    /* With one, PJSIP would take a second REFER for a refresh of the subscription of the first. */
    eraseHeaders(rdata->msg_info.msg, "Event");
    if (!tsx || pjsip_rx_data_clone(rdata, 0, &kept) != PJ_SUCCESS)
        return false;
    pj_memcpy(&kept->endpt_info, &rdata->endpt_info, sizeof(kept->endpt_info)); /* its transaction and dialog */
    tsx->mod_data[pjsua_var.mod.id] = this;                                     /* refer.patch: not PJSUA's */
    waiting_.push_back(kept);
    told_.onRefer(std::string(rdata->msg_info.msg_buf, rdata->msg_info.len));
    return true;
}

inline void ReferDialog::answer(int code, const std::string &words)
{
    const std::vector<std::string> headers = splitWords(words);
    if (!dialog_ || waiting_.empty())
        return;
    pjsip_rx_data *rdata = waiting_.front();
    pjsip_hdr list;

    waiting_.pop_front();
    pj_list_init(&list);
    for (size_t i = 0; i + 1 < headers.size(); i += 2) {
        const pj_str_t name = pj_str((char *)headers[i].c_str()), value = pj_str((char *)headers[i + 1].c_str());
        pj_list_push_back(&list, pjsip_generic_string_hdr_create(rdata->tp_info.pool, &name, &value));
    }
    if (code / 100 == 2)
        accept(rdata, code, list);
    else
        pjsip_dlg_respond(dialog_, rdata, code, NULL, &list, NULL);
    pjsip_rx_data_free_cloned(rdata);
}

inline void ReferDialog::accept(pjsip_rx_data *rdata, int code, const pjsip_hdr &headers)
{
    const pj_str_t name = pj_str((char *)"Refer-Sub"), none = pj_str((char *)"false");
    const pjsip_generic_string_hdr *wanted =
        (pjsip_generic_string_hdr *)pjsip_msg_find_hdr_by_name(rdata->msg_info.msg, &name, NULL);
    struct pjsip_evsub_user told;
    pjsip_hdr list;

    if (wanted && pj_strnicmp(&wanted->hvalue, &none, none.slen) == 0) { /* RFC 4488 */
        pj_list_init(&list);
        pj_list_push_back(&list, pjsip_generic_string_hdr_create(rdata->tp_info.pool, &name, &none));
        pjsip_dlg_respond(dialog_, rdata, code, NULL, &list, NULL);
        return;
    }
    pj_bzero(&told, sizeof(told));
    told.on_evsub_state = &onReportState;
    if (pjsip_xfer_create_uas(dialog_, &told, rdata, &report_) != PJ_SUCCESS) {
        report_ = NULL;
        pjsip_dlg_respond(dialog_, rdata, PJSIP_SC_INTERNAL_SERVER_ERROR, NULL, NULL, NULL);
        return;
    }
    pjsip_evsub_set_mod_data(report_, referModule.id, this);
    pjsip_xfer_accept(report_, rdata, code, &headers);
    notify(PJSIP_SC_TRYING, false);
}

inline void ReferDialog::notify(int code, bool last)
{
    pjsip_tx_data *tdata;

    if (!report_)
        return;
    const pjsip_evsub_state state = last ? PJSIP_EVSUB_STATE_TERMINATED : PJSIP_EVSUB_STATE_ACTIVE;
    if (pjsip_xfer_notify(report_, state, code, NULL, &tdata) == PJ_SUCCESS)
        pjsip_xfer_send_request(report_, tdata);
}

inline pj_status_t ReferDialog::refer(const std::string &target)
{
    const pj_str_t uri = pj_str((char *)target.c_str());
    struct pjsip_evsub_user told;
    pjsip_tx_data *tdata;
    pj_status_t status;

    if (!dialog_ || request_)
        return PJ_EINVALIDOP;
    pj_bzero(&told, sizeof(told));
    told.on_evsub_state = &onRequestState;
    status = pjsip_xfer_create_uac(dialog_, &told, &request_);
    if (status != PJ_SUCCESS) {
        request_ = NULL;
        return status;
    }
    pjsip_evsub_set_mod_data(request_, referModule.id, this);
    status = pjsip_xfer_initiate(request_, &uri, &tdata);
    return status == PJ_SUCCESS ? pjsip_xfer_send_request(request_, tdata) : status;
}

inline void ReferDialog::onReportState(pjsip_evsub *sub, pjsip_event *event)
{
    ReferDialog *it = (ReferDialog *)pjsip_evsub_get_mod_data(sub, referModule.id);

    PJ_UNUSED_ARG(event);
    if (it && it->report_ == sub && pjsip_evsub_get_state(sub) == PJSIP_EVSUB_STATE_TERMINATED)
        it->report_ = NULL;
}

/* What a NOTIFY says of the call that the peer makes; 0 if it says nothing that can be read. */
static int statusOfNotify(const pjsip_msg *msg)
{
    pjsip_status_line line;
    const pjsip_msg_body *body = msg->body;

    if (!body || pj_stricmp2(&body->content_type.type, "message") != 0 ||
        pj_stricmp2(&body->content_type.subtype, "sipfrag") != 0)
    {
        return 0;
    }
    return pjsip_parse_status_line((char *)body->data, body->len, &line) == PJ_SUCCESS ? line.code : 0;
}

inline void ReferDialog::onRequestState(pjsip_evsub *sub, pjsip_event *event)
{
    ReferDialog *it = (ReferDialog *)pjsip_evsub_get_mod_data(sub, referModule.id);
    const pjsip_evsub_state state = pjsip_evsub_get_state(sub);
    const bool over = state == PJSIP_EVSUB_STATE_TERMINATED;
    const pjsip_msg *msg = NULL;

    if (!it || it->request_ != sub || (!over && state != PJSIP_EVSUB_STATE_ACCEPTED && state != PJSIP_EVSUB_STATE_ACTIVE))
        return;
    if (over)
        it->request_ = NULL;
    if (event && event->type == PJSIP_EVENT_TSX_STATE && event->body.tsx_state.type == PJSIP_EVENT_RX_MSG)
        msg = event->body.tsx_state.src.rdata->msg_info.msg;
    if (msg && msg->type == PJSIP_RESPONSE_MSG)
        it->told_.onReferAnswer(msg->line.status.code);
    else if (msg)
        it->told_.onReferStatus(statusOfNotify(msg), over);
    else if (over && event && event->type == PJSIP_EVENT_TSX_STATE)
        it->told_.onReferAnswer(event->body.tsx_state.tsx->status_code);
    else if (over)
        it->told_.onReferStatus(0, true);
}

#endif
