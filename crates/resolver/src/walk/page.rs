//! What an answer that a browser shows leads to: a refresh, a script that may decide, or the end.

use protocol::result::{DelayedRefresh, HopKind};
use url::Url;

use super::{Outcome, Step, Walk};
use crate::answer::{Fields, Head, text as as_text};
use crate::chain::{Content, End, Handover, HandoverReason, Page};
use crate::content::{Kind, MediaType};
use crate::decode::decode;
use crate::fetch::Fetched;
use crate::html::{Look, Reader, Seen};
use crate::load::Patience;
use crate::location::{self, is_redirect};
use crate::referrer::Policy;
use crate::refresh;

/// Bytes of a body that is shown but not read: enough to see that there are any.
const GLIMPSE_BYTES: usize = 512;
/// Bodies longer than this are parsed beside the runtime's threads, which others need.
const PARSED_ASIDE_BYTES: usize = 64 * 1_024;

/// A refresh that a page asks for.
struct Wish {
    /// Seconds.
    delay: f64,
    written: String,
    target: Result<Url, url::ParseError>,
    kind: HopKind,
}

impl Walk<'_> {
    /// Reads the page that `step` shows, and says what follows.
    pub(super) async fn page(&mut self, step: &Step, mut fetched: Fetched, patience: &Patience) -> Outcome {
        let head = fetched.take_head();
        let media_type = MediaType::of(&head.fields);
        // An error page is shown whatever its type: nobody saves it.
        let is_error = head.status >= 400;
        let early = media_type.kind(&head.fields, &[]);
        if early == Kind::Download && !is_error {
            fetched.discard(self.ground.fetcher);
            return Outcome::Ends(End::Download { media_type: media_type.essence });
        }
        let limit = self.ground.budgets.body_bytes;
        let is_read = matches!(early, Kind::Html | Kind::Xml | Kind::Text);
        let body = fetched.read(self.ground.fetcher, if is_read { limit } else { GLIMPSE_BYTES }, patience).await;
        // Both are held until the page is read: what is decoded is the larger part.
        let _places = body.places;
        let _turn = if is_read { self.ground.fetcher.load.parsing(patience).await } else { None };
        let (bytes, is_broken) = if is_read {
            let decoded = decode(&head.fields, body.bytes, limit).await;
            (decoded.bytes, decoded.is_broken)
        } else {
            (body.bytes, false)
        };
        let kind = media_type.kind(&head.fields, &bytes);
        if kind == Kind::Download && !is_error {
            return Outcome::Ends(End::Download { media_type: media_type.essence });
        }
        let content = content(kind, &bytes, is_broken);
        let is_sandboxed = head.fields.joined("content-security-policy").is_some_and(|policies| sandboxes(&policies));
        let seen = read(&step.url, kind, media_type.charset, is_sandboxed, body.is_cut, bytes).await;
        let content = if content == Content::Document && kind != Kind::Viewer && seen.is_blank { Content::Empty } else { content };
        self.decide(step, &head, &media_type.essence, content, seen)
    }

    fn decide(&mut self, step: &Step, head: &Head, media_type: &str, content: Content, seen: Seen) -> Outcome {
        let policy = seen
            .referrer_policy
            .or_else(|| head.fields.joined("referrer-policy").as_deref().and_then(Policy::of_field))
            .unwrap_or_default();
        let Seen { title, text, markup, refreshes, look, .. } = seen;
        let metas = refreshes.into_iter().map(|meta| Wish {
            delay: meta.delay,
            written: meta.written,
            target: meta.target,
            kind: HopKind::MetaRefresh,
        });
        let wish = soonest(refresh_header(&step.url, &head.fields).into_iter().chain(metas));
        let page = Page {
            status: head.status,
            media_type: media_type.to_owned(),
            headers: head.fields.iter().map(|(name, value)| (as_text(name).into_owned(), as_text(value).into_owned())).collect(),
            title,
            text,
            markup,
            content,
            lacks_target: is_redirect(head.status),
        };
        let Some(wish) = wish else { return self.stay(step, page, &look) };
        if wish.delay > self.ground.budgets.refresh_delay.as_secs_f64() {
            self.note_delayed(step, &wish);
            return self.stay(step, page, &look);
        }
        let doubt = look.may_navigate.or(look.may_stop.then_some("a script that may stop the page's refresh"));
        if let Some(found) = doubt {
            return self.hand_over(page, HandoverReason::Script, format!("the page has {found}, beside a refresh"));
        }
        match wish.target {
            Err(error) => Outcome::Ends(End::RedirectInvalid(format!("the refresh target `{}` cannot be parsed: {error}", wish.written))),
            Ok(url) if is_same_document(&step.url, &url) => {
                // Nothing is asked for: the page moves to another place within itself.
                self.push(&Step { url, kind: wish.kind }, None);
                self.stay(step, page, &look)
            }
            Ok(url) => {
                self.change_hop(|hop| hop.location = hop.location.take().or(Some(wish.written)));
                self.navigate(&step.url, policy, url, wish.kind)
            }
        }
    }

    fn note_delayed(&mut self, step: &Step, wish: &Wish) {
        // A page that reloads itself now and then leads nowhere.
        if let Ok(target) = wish.target.as_ref()
            && *target != step.url
        {
            // Cut to whole seconds, as people say it; a delay beyond the range is for ever anyway.
            self.delayed_refresh = Some(DelayedRefresh { seconds: wish.delay as u64, target: target.to_string() });
        }
    }

    /// The chain ends here, unless a browser would see more.
    fn stay(&mut self, step: &Step, page: Page, look: &Look) -> Outcome {
        let status = page.status;
        if let Some(rule) = self.ground.rules.challenge(&page, &step.url) {
            let detail = format!("a challenge stands before the page (rule `{rule}`)");
            return self.hand_over(page, HandoverReason::Challenge, detail);
        }
        if let Some(found) = look.may_navigate {
            return self.hand_over(page, HandoverReason::Script, format!("the page has {found}"));
        }
        if status >= 400 {
            return self.hand_over(
                page,
                HandoverReason::HttpStatus,
                format!("status {status}, which a server may keep for what is no browser"),
            );
        }
        if look.is_made_by_scripts {
            return self.hand_over(
                page,
                HandoverReason::ScriptedPage,
                "the page shows next to nothing before its scripts have run".to_owned(),
            );
        }
        Outcome::Ends(End::Page(Box::new(page)))
    }

    fn hand_over(&mut self, page: Page, reason: HandoverReason, detail: String) -> Outcome {
        self.handover = Some(Handover { reason, detail });
        Outcome::Ends(End::Page(Box::new(page)))
    }
}

/// The smallest delay wins; of equal ones the last.
fn soonest(wishes: impl Iterator<Item = Wish>) -> Option<Wish> {
    wishes.reduce(|best, next| if next.delay <= best.delay { next } else { best })
}

/// The Refresh field of an answer, several joined: one character a byte, and no base but the page's own URL.
fn refresh_header(url: &Url, fields: &Fields) -> Option<Wish> {
    let values: Vec<&[u8]> = fields.all("refresh").collect();
    let value: String = values.join(&b", "[..]).into_iter().map(char::from).collect();
    let refresh = refresh::parse(&value)?;
    let written = refresh.target.unwrap_or_default().to_owned();
    let target = refresh.target.map_or_else(|| Ok(url.clone()), |target| location::parse(url, target));
    let is_script = target.as_ref().is_ok_and(|url| url.scheme() == "javascript");
    (!is_script).then_some(Wish { delay: refresh.delay, written, target, kind: HopKind::RefreshHeader })
}

/// Whether a navigation moves within the page: another fragment of the same URL.
fn is_same_document(page: &Url, target: &Url) -> bool {
    target.fragment().is_some() && page[..url::Position::AfterQuery] == target[..url::Position::AfterQuery]
}

/// `sandbox` without `allow-scripts`, in any of the policies.
fn sandboxes(policies: &str) -> bool {
    let is_closed = |directive: &str| {
        let mut words = directive.split_ascii_whitespace();
        words.next().is_some_and(|name| name.eq_ignore_ascii_case("sandbox"))
            && !words.any(|word| word.eq_ignore_ascii_case("allow-scripts"))
    };
    policies.split([',', ';']).any(is_closed)
}

fn content(kind: Kind, bytes: &[u8], is_broken: bool) -> Content {
    match kind {
        _ if is_broken && bytes.is_empty() => Content::Undecodable,
        _ if bytes.iter().all(u8::is_ascii_whitespace) => Content::Empty,
        Kind::Html | Kind::Xml | Kind::Text | Kind::Viewer => Content::Document,
        Kind::Other | Kind::Download => Content::NoDocument,
    }
}

async fn read(url: &Url, kind: Kind, charset: Option<String>, is_sandboxed: bool, is_cut: bool, bytes: Vec<u8>) -> Seen {
    if !matches!(kind, Kind::Html | Kind::Xml | Kind::Text) {
        return Seen::default();
    }
    if bytes.len() <= PARSED_ASIDE_BYTES {
        return Reader { url, kind, charset: charset.as_deref(), is_sandboxed, is_cut }.read(&bytes);
    }
    let url = url.clone();
    let aside =
        tokio::task::spawn_blocking(move || Reader { url: &url, kind, charset: charset.as_deref(), is_sandboxed, is_cut }.read(&bytes));
    // Only a panic or the end of the runtime leaves no page; neither has anything to show.
    aside.await.unwrap_or_default()
}
