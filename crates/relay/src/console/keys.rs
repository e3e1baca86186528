//! The API keys of an account: what each may do, from where, until when, when it was last used and which desktop made it.
//! Keys are made on desktops alone, which keep their secrets; here they are looked at and revoked.

use axum::extract::{Query, State};
use axum::response::Response;
use domain::Role;
use protocol::key::{AddressRange, KeyInfo, Scopes};
use protocol::{DeviceId, Environment, KeyId, UnixMillis};
use serde::Deserialize;
use store::{DeviceRecord, KeyRecord};
use ui::button::{self, Weight};
use ui::confirm::{Question, question};
use ui::field::{filter_bar, filter_select, filter_text};
use ui::header::{crumbs, page_header};
use ui::table::{Column, Keep, table, td};
use ui::{Icon, Markup, Tone, badge, card, code, html, notice, pager, time};

use super::fault::Fault;
use super::page::encoded;
use super::signed_in::{AtLeast, Operator, SignedIn};
use crate::path::PathParts;
use crate::state::{RelayState, Shared};

/// The page's place in the navigation.
const KEYS: &str = "/keys";
/// Keys of one page.
const PAGE_KEYS: usize = 50;
/// Within this of its end, a key is told as one that ends: time enough to make another and to hand it out.
const ENDS_SOON_MILLIS: i64 = 14 * 86_400_000;

/// Which keys are wanted. What cannot be read is as if it had not been asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// `all` for revoked and expired ones, too.
    show: String,
    env: String,
    q: String,
    /// How many were shown before: the inventory is bounded and in memory, so a number is place enough.
    from: String,
    did: String,
}

impl Wanted {
    fn from(&self) -> usize {
        self.from.parse().unwrap_or_default()
    }

    fn fits(&self, key: &KeyInfo, now: UnixMillis) -> bool {
        let text = self.q.trim().to_lowercase();
        (self.show == "all" || key.is_live(now))
            && (self.env.is_empty() || key.environment.as_str() == self.env)
            && (text.is_empty() || key.label.to_lowercase().contains(&text) || key.key_id.as_str().to_lowercase().contains(&text))
    }

    fn is_filtered(&self) -> bool {
        !(self.show.is_empty() && self.env.is_empty() && self.q.is_empty())
    }

    /// The page that begins behind so many keys.
    fn path(&self, from: usize) -> String {
        format!("{KEYS}?show={}&env={}&q={}&from={from}", encoded(&self.show), encoded(&self.env), encoded(&self.q))
    }
}

/// Where a key's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Live,
    EndsSoon,
    Expired,
    Revoked,
}

impl Standing {
    fn of(key: &KeyInfo, now: UnixMillis) -> Self {
        match (key.revoked_at, key.terms.expires_at) {
            (Some(_), _) => Self::Revoked,
            (None, Some(end)) if end <= now => Self::Expired,
            (None, Some(end)) if end.0 - now.0 < ENDS_SOON_MILLIS => Self::EndsSoon,
            (None, _) => Self::Live,
        }
    }

    fn badge(self) -> Markup {
        match self {
            Self::Live => badge::badge(Tone::Ok, "works"),
            Self::EndsSoon => badge::badge(Tone::Review, "ends soon"),
            Self::Expired => badge::badge(Tone::Skipped, "expired"),
            Self::Revoked => badge::badge_with(Tone::Skipped, Icon::Cross, "revoked"),
        }
    }

    const fn signs(self) -> bool {
        matches!(self, Self::Live | Self::EndsSoon)
    }
}

/// `GET /console/{account}/keys`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn, Query(wanted): Query<Wanted>) -> Result<Response, Fault> {
    let account = signed_in.account();
    let ((_, keys), devices) = tokio::try_join!(state.store.keys(account), state.store.devices(account))?;
    let view = View { signed_in: &signed_in, devices: &devices, wanted: &wanted, now: state.now() };
    Ok(signed_in.page("API keys", KEYS, view.whole(&keys)))
}

struct View<'v> {
    signed_in: &'v SignedIn,
    devices: &'v [DeviceRecord],
    wanted: &'v Wanted,
    now: UnixMillis,
}

impl View<'_> {
    fn whole(&self, keys: &[KeyRecord]) -> Markup {
        html! {
            (page_header("API keys", Some("What your scripts sign their requests with. A secret never comes here: it stays on the desktop that made it."), &html! {}))
            @if self.wanted.did == "revoked" { (notice::notice(Tone::Ok, "Revoked. Nothing signed with that key is taken any more.", &html! {})) }
            (self.list(keys))
            (how_to_make())
        }
    }

    fn list(&self, keys: &[KeyRecord]) -> Markup {
        let fitting: Vec<&KeyInfo> = keys.iter().map(|key| &key.info).filter(|key| self.wanted.fits(key, self.now)).collect();
        let from = self.wanted.from().min(fitting.len());
        let shown = &fitting[from..fitting.len().min(from + PAGE_KEYS)];
        html! {
            section.card.flush {
                @if !keys.is_empty() { div.card-head { (self.filters()) } }
                @if keys.is_empty() {
                    (card::empty(Icon::Keys, "No API key yet", "Scripts sign what they send with a key. Make one on a linked desktop, as below.", &html! {}))
                } @else if shown.is_empty() {
                    (card::empty(Icon::Search, "No key fits", "Revoked and expired keys are shown on demand.",
                        &button::link(Weight::Plain, None, "Show all keys", &self.signed_in.path("/keys?show=all"))))
                } @else { (self.table(shown)) }
                (self.pager(from, shown.len(), fitting.len()))
            }
        }
    }

    fn filters(&self) -> Markup {
        let filters = html! {
            (filter_text("q", "Text", "Label or key id", &self.wanted.q))
            (filter_select("show", "Keys", &[("", "that work"), ("all", "all")], &self.wanted.show))
            (filter_select("env", "Environment", &[("", "any"), ("live", "live"), ("test", "test")], &self.wanted.env))
        };
        filter_bar(&self.signed_in.path(KEYS), &[], &filters, self.wanted.is_filtered())
    }

    fn table(&self, keys: &[&KeyInfo]) -> Markup {
        let columns = [
            Column::new("Key"),
            Column::new("Standing"),
            Column::new("May").keep(Keep::Medium),
            Column::new("From").keep(Keep::Wide),
            Column::new("Last used").keep(Keep::Medium),
            Column::new("Made").keep(Keep::Wide),
            Column::new(""),
        ];
        table("API keys, newest first", &columns, &html! { @for key in keys { (self.row(key)) } })
    }

    fn row(&self, key: &KeyInfo) -> Markup {
        let standing = Standing::of(key, self.now);
        html! {
            tr {
                td {
                    strong { (key.label) }
                    span.cell-sub { code { (key.key_id) } }
                }
                td { div.badges { (standing.badge()) @if key.environment == Environment::Test { (badge::badge(Tone::Plain, "test")) } } (self.end(key)) }
                (td(Keep::Medium, &scopes(key.terms.scopes)))
                (td(Keep::Wide, &addresses(&key.terms.addresses)))
                (td(Keep::Medium, &html! { @match key.last_used_at { Some(at) => (time::ago(at, self.now)), None => { span.faint { "never" } } } }))
                (td(Keep::Wide, &html! { (time::time(key.created_at)) span.cell-sub { (maker(self.devices, key.made_by)) } }))
                td.right {
                    @if standing.signs() && self.signed_in.may(Role::Operator) {
                        a href=(self.signed_in.path(&format!("{KEYS}/{}", key.key_id))) aria-label={ "Revoke " (key.label) } { "Revoke" }
                    }
                }
            }
        }
    }

    /// What the standing says nothing of: until when, and whether an old secret signs too.
    fn end(&self, key: &KeyInfo) -> Markup {
        html! {
            @if let Some(at) = key.revoked_at { span.cell-sub { (time::time(at)) } }
            @else {
                @if let Some(end) = key.terms.expires_at { span.cell-sub { "ends " (time::ago(end, self.now)) } }
                @if let Some(until) = key.previous_ends_at.filter(|until| *until > self.now) {
                    span.cell-sub { "rotated, the old secret signs until " (time::time(until)) }
                }
            }
        }
    }

    fn pager(&self, from: usize, shown: usize, all: usize) -> Markup {
        let path = |from: usize| self.signed_in.path(&self.wanted.path(from));
        let previous = (from > 0).then(|| path(from.saturating_sub(PAGE_KEYS)));
        let next = (from + shown < all).then(|| path(from + PAGE_KEYS));
        let words = if shown == all { format!("{all} keys") } else { format!("{} to {} of {all} keys", from + 1, from + shown) };
        html! { @if previous.is_some() || next.is_some() { (pager::pager(&words, None, previous.as_deref(), next.as_deref())) } }
    }
}

fn how_to_make() -> Markup {
    card::card(
        "Make a key",
        &html! {},
        &html! {
            p { "Keys are made on a linked desktop: on its pages under API keys, or at its shell. The desktop shows the secret once, and fills it into a ready caller in Node.js, Python or curl. Rotating a key is the desktop's, too." }
            (code::block("make-key", "Commands that make a key", "link-peeler desktop open\nlink-peeler keys create --label 'nightly script'"))
        },
    )
}

fn scopes(scopes: Scopes) -> Markup {
    html! { @if scopes == Scopes::ALL { "everything" } @else { (scopes) } }
}

fn addresses(ranges: &[AddressRange]) -> Markup {
    html! {
        @match ranges {
            [] => { span.faint { "anywhere" } },
            [one] => code { (one) },
            [first, rest @ ..] => {
                details.fold { summary { code { (first) } " and " (rest.len()) " more" } ul.lines { @for range in rest { li { code { (range) } } } } }
            },
        }
    }
}

/// Which desktop made it.
fn maker(devices: &[DeviceRecord], made_by: Option<DeviceId>) -> Markup {
    let name = made_by.and_then(|id| devices.iter().find(|device| device.id == id)).map(|device| device.name.as_str());
    html! { @match name { Some(name) => { "on " (name) }, None => "by nobody known" } }
}

/// The variable parts of a path about a key.
#[derive(Deserialize)]
pub(super) struct KeyPath {
    key: String,
}

/// A key that still signs; of any other there is nothing to decide.
async fn found<R: AtLeast>(state: &RelayState, signed_in: &SignedIn<R>, path: &KeyPath) -> Result<KeyInfo, Fault> {
    let id: KeyId = path.key.parse().map_err(|_| Fault::NotFound)?;
    let (_, keys) = state.store.keys(signed_in.account()).await?;
    keys.into_iter().map(|key| key.info).find(|key| key.key_id == id && key.revoked_at.is_none()).ok_or(Fault::NotFound)
}

/// `GET /console/{account}/keys/{key}`: revoke it?
pub(super) async fn one(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    PathParts(path): PathParts<KeyPath>,
) -> Result<Response, Fault> {
    let key = found(&state, &signed_in, &path).await?;
    let devices = state.store.devices(signed_in.account()).await?;
    let (own, now) = (signed_in.path(&format!("{KEYS}/{}", key.key_id)), state.now());
    let title = format!("Revoke {}?", key.label);
    let main = html! {
        (crumbs(&[(&signed_in.path(KEYS), "API keys")]))
        (question(&Question {
            title: &title,
            consequences: html! {
                p { "Whatever is signed with it is refused, at once and for good. What it has asked for already goes on. A key that is revoked never comes back: make another on a desktop." }
                (card::terms(&[
                    ("Key", html! { code { (key.key_id) } }),
                    ("Environment", html! { (key.environment) }),
                    ("May", scopes(key.terms.scopes)),
                    ("From", addresses(&key.terms.addresses)),
                    ("Last used", html! { @match key.last_used_at { Some(at) => (time::ago(at, now)), None => "never" } }),
                    ("Made", html! { (time::time(key.created_at)) " " (maker(&devices, key.made_by)) }),
                ]))
            },
            deed: "Revoke",
            action: &format!("{own}/revoke"),
            cancel: &signed_in.path(KEYS),
            fields: &[],
            asks: html! {},
            form_extras: html! {},
        }))
    };
    Ok(signed_in.page(&title, KEYS, main))
}

/// `POST /console/{account}/keys/{key}/revoke`
pub(super) async fn revoke(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    PathParts(path): PathParts<KeyPath>,
) -> Result<Response, Fault> {
    let key = found(&state, &signed_in, &path).await?;
    signed_in.store.revoke_key(signed_in.account(), key.key_id.clone(), signed_in.actor(), state.now()).await?;
    tracing::info!(key.id = %key.key_id, operator.id = %signed_in.operator().id, "key revoked");
    Ok(signed_in.go(&format!("{KEYS}?did=revoked")))
}

#[cfg(test)]
mod tests {
    use protocol::key::KeyTerms;

    use super::*;

    #[test]
    fn a_key_is_told_before_it_ends() {
        let now = UnixMillis(1_779_753_600_000);
        let ends = |expires_at: Option<i64>| KeyInfo {
            key_id: KeyId::generate(Environment::Live),
            label: "nightly".to_owned(),
            environment: Environment::Live,
            terms: KeyTerms { expires_at: expires_at.map(|millis| now.plus_millis(millis)), ..KeyTerms::default() },
            created_at: now,
            made_by: None,
            last_used_at: None,
            rotation: 0,
            previous_ends_at: None,
            revoked_at: None,
        };
        let standing = |expires_at| Standing::of(&ends(expires_at), now);
        assert_eq!([None, Some(ENDS_SOON_MILLIS)].map(standing), [Standing::Live; 2]);
        assert_eq!([Some(ENDS_SOON_MILLIS - 1), Some(0)].map(standing), [Standing::EndsSoon, Standing::Expired]);
        let revoked = KeyInfo { revoked_at: Some(now), ..ends(None) };
        assert_eq!(Standing::of(&revoked, now), Standing::Revoked);
        assert!(!Wanted::default().fits(&revoked, now) && Wanted { show: "all".to_owned(), ..Wanted::default() }.fits(&revoked, now));
    }
}
