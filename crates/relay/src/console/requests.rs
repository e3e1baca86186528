//! The signed requests of an account: admitted, replayed, and refused with the exact reason; and those that could not prove
//! whose they are, with all that helps to find the mistake.

use axum::extract::{Query, State};
use axum::response::Response;
use domain::audit::{Entry, Line};
use protocol::signature::{CallerHeaders, SignedTarget};
use serde::Deserialize;
use ui::table::{Column, Keep, td};
use ui::{Icon, Markup, html};

use super::audit;
use super::fault::Fault;
use super::signed_in::SignedIn;
use crate::refusals::Unproven;
use crate::state::{RelayState, Shared};

const REQUESTS: &str = "/requests";

#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    before: Option<u64>,
    /// `refused` for those alone.
    #[serde(default)]
    only: String,
}

/// `GET /console/{account}/requests`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn, Query(wanted): Query<Wanted>) -> Result<Response, Fault> {
    let account = signed_in.account();
    let only_refused = wanted.only == "refused";
    let fits = |line: &Line| match line.entry {
        Entry::Refused { .. } => true,
        Entry::Admitted { .. } | Entry::Replayed { .. } => !only_refused,
        _ => false,
    };
    let found = audit::find(&state, account, wanted.before, fits).await?;
    let waiting: Vec<(u64, Line)> = match wanted.before {
        None => state.refusals.waiting_of(account).into_iter().rev().map(|line| (0, line)).collect(),
        Some(_) => Vec::new(),
    };
    let entries: Vec<(u64, Line)> = waiting.into_iter().chain(found.entries).collect();
    let path = signed_in.path(REQUESTS);
    let only = if only_refused { "only=refused&" } else { "" };
    let next = found.next.map(|before| format!("{path}?{only}before={before}"));
    let first = wanted.before.map(|_| format!("{path}?{only}"));
    let unproven = unproven_table(&state, &signed_in).await;
    let main = html! {
        (ui::header::page_header("Requests", Some("What callers have sent, and the exact reason where it was refused."), &Markup::default()))
        (ui::header::tabs("Which requests", &[(&path, "All", None), (&format!("{path}?only=refused"), "Refused", None)],
            &if only_refused { format!("{path}?only=refused") } else { path.clone() }))
        @if wanted.before.is_none() && let Some(unproven) = unproven {
            (ui::card::flush_card("Signature not proven", &Markup::default(), &unproven))
        }
        @if entries.is_empty() {
            (ui::card::empty(Icon::Requests, "No requests yet", "Signed requests of this account appear here, refused ones within seconds.", &Markup::default()))
        } @else {
            (ui::card::flush_card("Signed requests", &Markup::default(), &audit::table("Signed requests", &entries)))
        }
        (ui::pager::pager("newest first", first.as_deref(), None, next.as_deref()))
    };
    Ok(signed_in.page("Requests", REQUESTS, main))
}

/// Requests with a signature that is not that of their key: nobody knows who sent them, so they are kept in memory alone.
async fn unproven_table(state: &RelayState, signed_in: &SignedIn) -> Option<Markup> {
    let all = state.refusals.unproven_of(signed_in.account());
    if all.is_empty() {
        return None;
    }
    let mut rows = Vec::new();
    for unproven in &all {
        let found = state.keys.find(&unproven.key_id).await;
        let verify = |target: SignedTarget<'_>, headers: &CallerHeaders<'_>, body: &[u8]| {
            found.value.verify(target, headers, body, unproven.at).is_some()
        };
        rows.push((unproven, unproven.likely_mistake(found.is_known.then_some(verify))));
    }
    let columns = [Column::new("When"), Column::new("Key"), Column::new("To"), Column::new("What was received"), Column::new("Mistake")];
    let rows = html! {
        @for (unproven, mistake) in &rows {
            tr {
                (td(Keep::default(), &ui::time::time(unproven.at)))
                (td(Keep::default(), &html! { code { (unproven.key_id) } }))
                (td(Keep::default(), &html! { code { (unproven.target.0) " " (unproven.target.1) } }))
                (td(Keep::default(), &received(unproven)))
                (td(Keep::default(), &html! { (mistake) }))
            }
        }
    };
    Some(ui::table::table("Signature not proven", &columns, &rows))
}

fn received(unproven: &Unproven) -> Markup {
    let timestamp = match unproven.timestamp.parse::<i64>() {
        Ok(seconds) => format!("{} ({:+} s from the relay's clock)", unproven.timestamp, seconds.saturating_sub(unproven.at.seconds())),
        Err(_) => unproven.timestamp.clone(),
    };
    ui::card::fold(
        &format!("{} bytes", unproven.body_bytes),
        false,
        &ui::card::terms(&[
            ("Body SHA-256", unproven.body_sha256.as_str()),
            ("Timestamp", timestamp.as_str()),
            ("Nonce", unproven.nonce.as_str()),
            ("Joined as", unproven.base()),
        ]),
    )
}
