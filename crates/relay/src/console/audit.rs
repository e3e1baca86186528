//! The audit of an account: what was decided, newest first, whether it still follows from one record to the next, and an
//! export that can be verified elsewhere.

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use domain::audit::chain::{Ends, Place, Walk};
use domain::audit::{Block, Line};
use protocol::AccountId;
use serde::Deserialize;
use serde_json::json;
use store::{BlockRange, StoreError};
use ui::button::{Weight, link};
use ui::table::{Column, Keep};
use ui::{Icon, Markup, Tone, html};

use super::fault::Fault;
use super::page::encoded;
use super::signed_in::SignedIn;
use super::still_may;
use crate::state::{RelayState, Shared};

const AUDIT: &str = "/audit";
/// Entries of one page.
const SHOWN: usize = 50;
/// Blocks that a page looks at, so that a filter which fits few costs no more than one that fits many.
const LOOKED_AT: usize = 2_000;
/// Bytes of entries that a page looks at, since a block may hold a thousand decisions: some 20 ms of reading.
const BYTES_LOOKED_AT: usize = 2 * 1_024 * 1_024;
/// Blocks that are read at once.
const BLOCKS: u32 = 100;
/// The last blocks, which every look at the page checks; all of them the command does.
const CHECKED: u64 = 500;
/// Kinds that can be asked for, in the order in which people ask.
const KINDS: &[(&str, &str)] = &[
    ("", "Everything"),
    ("refused", "Refused"),
    ("admitted", "Admitted"),
    ("replayed", "Replayed"),
    ("leased", "Leased"),
    ("concluded", "Concluded"),
    ("cancelled", "Cancelled"),
    ("requeued", "Queued again"),
    ("rechecked", "Checked again"),
    ("row_changed", "Rows changed"),
    ("linked", "Linked"),
    ("link_approved", "Linking approved"),
    ("link_denied", "Linking denied"),
    ("device_renamed", "Devices renamed"),
    ("device_revoked", "Devices revoked"),
    ("key_created", "Keys made"),
    ("key_rotated", "Keys rotated"),
    ("key_changed", "Keys changed"),
    ("key_revoked", "Keys revoked"),
    ("signed_in", "Signed in"),
    ("sign_in_refused", "Sign-ins refused"),
    ("signed_out", "Signed out"),
    ("operator_changed", "People changed"),
    ("plan_changed", "Plan changed"),
    ("setting_changed", "Settings changed"),
];

#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    about: String,
    before: Option<u64>,
}

/// Entries of blocks, with the block that each stands in.
pub(super) struct Found {
    pub(super) entries: Vec<(u64, Line)>,
    /// Before which block to look on; none: that was all.
    pub(super) next: Option<u64>,
}

/// The latest entries before a block that fit.
pub(super) async fn find(
    state: &RelayState,
    account: AccountId,
    before: Option<u64>,
    fits: impl Fn(&Line) -> bool,
) -> Result<Found, StoreError> {
    let (mut entries, mut before) = (Vec::new(), before.unwrap_or(u64::MAX));
    let (mut looked_at, mut bytes) = (0, 0);
    loop {
        let page = state.store.audit_blocks(account, BlockRange::Before(before), BLOCKS).await?;
        for block in &page {
            add_fitting(&mut entries, block, &fits)?;
            before = block.seq;
            looked_at += 1;
            bytes += block.entries.get().len();
            if entries.len() >= SHOWN || bytes >= BYTES_LOOKED_AT {
                return Ok(Found { entries, next: (before > 1).then_some(before) });
            }
        }
        if page.len() < BLOCKS as usize {
            return Ok(Found { entries, next: None });
        }
        if looked_at >= LOOKED_AT {
            return Ok(Found { entries, next: Some(before) });
        }
    }
}

/// The entries of one record that fit.
pub(super) async fn of_record(
    state: &RelayState,
    account: AccountId,
    record: u64,
    fits: impl Fn(&Line) -> bool,
) -> Result<Found, StoreError> {
    let mut blocks = state.store.audit_blocks(account, BlockRange::Before(record.saturating_add(1)), 1).await?;
    blocks.retain(|block| block.seq == record);
    let mut entries = Vec::new();
    for block in &blocks {
        add_fitting(&mut entries, block, &fits)?;
    }
    Ok(Found { entries, next: None })
}

fn add_fitting(entries: &mut Vec<(u64, Line)>, block: &Block, fits: impl Fn(&Line) -> bool) -> Result<(), StoreError> {
    let lines = block.lines().map_err(|error| StoreError::Corrupt(format!("audit record {}: {error}", block.seq)))?;
    entries.extend(lines.into_iter().rev().filter(|line| fits(line)).map(|line| (block.seq, line)));
    Ok(())
}

/// Whether the record says it somewhere: an id, a name, the hash of a request's body.
pub(super) fn is_about(line: &Line, text: &str) -> bool {
    text.is_empty() || serde_json::to_string(line).is_ok_and(|line| line.contains(text))
}

/// `GET /console/{account}/audit`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn, Query(wanted): Query<Wanted>) -> Result<Response, Fault> {
    let account = signed_in.account();
    let fits = |line: &Line| (wanted.kind.is_empty() || line.entry.kind() == wanted.kind) && is_about(line, &wanted.about);
    let found = find(&state, account, wanted.before, fits).await?;
    let (ends, soundness) = check_latest(&state, account).await?;
    let path = signed_in.path(AUDIT);
    let filter = format!("kind={}&about={}", encoded(&wanted.kind), encoded(&wanted.about));
    let next = found.next.map(|before| format!("{path}?{filter}&before={before}"));
    let first = wanted.before.map(|_| format!("{path}?{filter}"));
    let is_filtered = !(wanted.kind.is_empty() && wanted.about.is_empty());
    let filters = html! {
        (ui::field::filter_select("kind", "What", KINDS, &wanted.kind))
        (ui::field::filter_text("about", "About", "an id, a name", &wanted.about))
    };
    let export = link(Weight::Plain, Some(Icon::Download), "Export", &signed_in.path("/audit/export"));
    let main = html! {
        (ui::header::page_header("Audit", Some("Every decision about this account, in a chain that shows when it was changed."), &export))
        (soundness)
        (ui::field::filter_bar(&path, &[], &filters, is_filtered))
        @if found.entries.is_empty() {
            (ui::card::empty(Icon::Audit, "Nothing fits", "No record of this stretch fits the filter.", &Markup::default()))
        } @else {
            (ui::card::flush_card("Records", &Markup::default(), &table("Records", &found.entries)))
        }
        (ui::pager::pager(&format!("records up to number {}", ends.head.seq), first.as_deref(), None, next.as_deref()))
    };
    Ok(signed_in.page("Audit", AUDIT, main))
}

/// Entries as a table.
pub(super) fn table(caption: &str, entries: &[(u64, Line)]) -> Markup {
    let columns = [Column::new("What"), Column::new("In words"), Column::new("Record").numeric().keep(Keep::Wide)];
    let rows = html! {
        @for (seq, line) in entries {
            tr {
                td { code { (line.entry.kind()) } span.cell-sub { (ui::time::time(line.at)) } }
                td.prose { (line.entry.describe()) }
                (ui::table::td_right(Keep::Wide, &html! { (seq) }))
            }
        }
    };
    ui::table::table(caption, &columns, &rows)
}

/// Whether the latest records follow each other up to the head.
async fn check_latest(state: &RelayState, account: AccountId) -> Result<(Ends, Markup), StoreError> {
    let ends = state.store.audit_ends(account).await?;
    let behind = ends.head.seq.saturating_sub(CHECKED).max(ends.anchor.seq);
    let blocks = state.store.audit_blocks(account, BlockRange::After(behind), u32::try_from(CHECKED).unwrap_or(u32::MAX)).await?;
    // What has been added since the head was read is for the next look.
    let blocks: Vec<&Block> = blocks.iter().filter(|block| block.seq <= ends.head.seq).collect();
    let anchor = match blocks.first() {
        Some(first) if behind > ends.anchor.seq => Place { seq: behind, hash: first.previous },
        _ => ends.anchor,
    };
    let mut walk = Walk::new(Ends { anchor, ..ends }, Vec::new());
    let walked = blocks.iter().try_for_each(|block| walk.step(block)).and_then(|()| walk.finish());
    let said = match walked {
        Ok(whole) => html! {
            p { "The last " (whole.blocks) " records follow each other. " code { "link-peeler audit verify" } " checks all of them, and a head that you have noted elsewhere." }
            (ui::code::line("head", &format!("{account}:{}:{}", ends.head.seq, ends.head.hash)))
        },
        Err(broken) => {
            let title = format!("Record {} is not as it was", broken.seq);
            let body = html! { p { "What is wrong with it: " (broken.why.text()) "." } p { "Keep a copy of the database before anything else, and export the audit." } };
            return Ok((ends, ui::notice::notice(Tone::Bad, &title, &body)));
        }
    };
    Ok((ends, ui::card::card("The chain", &Markup::default(), &said)))
}

/// `GET /console/{account}/audit/export`: the lines that `link-peeler audit verify --file` reads.
pub(super) async fn export(State(state): State<Shared>, signed_in: SignedIn, headers: HeaderMap) -> Result<Response, Fault> {
    let account = signed_in.account();
    let ends = state.store.audit_ends(account).await?;
    let name = &signed_in.membership.account_name;
    let chain = json!({ "chain": { "name": name, "account": account, "anchor": ends.anchor, "head": ends.head } });
    let head = Bytes::from(format!("{chain}\n"));
    // Held, and asked, for as long as the file is written.
    let held = (state.exports.take(signed_in.operator().id.to_string())?, still_may::of(&state, &headers, &signed_in)?);
    let records = futures_util::stream::try_unfold((state, held, ends.anchor.seq), move |(state, held, behind)| async move {
        if !(held.1)().await {
            return Err(StoreError::Closed);
        }
        if behind >= ends.head.seq {
            return Ok(None);
        }
        let blocks = state.store.audit_blocks(account, BlockRange::After(behind), BLOCKS).await?;
        let Some(last) = blocks.last().map(|last| last.seq) else { return Ok(None) };
        let mut lines = Vec::new();
        for block in blocks.iter().filter(|block| block.seq <= ends.head.seq) {
            serde_json::to_writer(&mut lines, &Exported { record: block }).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            lines.push(b'\n');
        }
        Ok::<_, StoreError>(Some((Bytes::from(lines), (state, held, last))))
    });
    let all = futures_util::StreamExt::chain(futures_util::stream::once(std::future::ready(Ok(head))), records);
    let mut response = Response::new(Body::from_stream(all));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"audit.ndjson\""));
    Ok(response)
}

/// A record's line.
#[derive(serde::Serialize)]
struct Exported<'b> {
    record: &'b Block,
}
