//! Chains as DevTools tells them, in good order and in bad.

use serde_json::json;

use super::*;
use crate::browser::settle::{Stage, stage};
use crate::budgets::Budgets;

struct Told {
    tracker: Tracker,
    now: Instant,
}

impl Told {
    fn new() -> Self {
        let now = Instant::now();
        Self { tracker: Tracker::new("s".into(), "f".into(), Duration::from_secs(5), now), now }
    }

    fn tell(&mut self, method: &str, mut params: Value) -> &mut Self {
        params["frameId"] = "f".into();
        self.tracker.observe(&Event { session: "s".into(), method: method.into(), params }, self.now);
        self
    }

    fn request(&mut self, id: &str, url: &str) -> &mut Self {
        let request = json!({"url": url, "method": "GET"});
        self.tell("Network.requestWillBeSent", json!({"requestId": id, "loaderId": id, "type": "Document", "request": request}))
    }

    fn redirect(&mut self, id: &str, status: u16, url: &str) -> &mut Self {
        let response = json!({"status": status, "headers": {"Location": url}});
        let request = json!({"url": url, "method": "GET"});
        let params = json!({"requestId": id, "loaderId": id, "type": "Document", "request": request, "redirectResponse": response});
        self.tell("Network.requestWillBeSent", params)
    }

    fn answer(&mut self, id: &str, status: u16) -> &mut Self {
        let response = json!({"status": status, "mimeType": "text/html", "headers": {}});
        self.tell("Network.responseReceived", json!({"requestId": id, "response": response}))
    }

    fn ask(&mut self, reason: &str, url: &str) -> &mut Self {
        self.tell("Page.frameRequestedNavigation", json!({"reason": reason, "url": url, "disposition": "currentTab"}))
    }

    fn lives(&mut self, loader: &str, name: &str) -> &mut Self {
        self.tell("Page.lifecycleEvent", json!({"loaderId": loader, "name": name}))
    }

    fn fails(&mut self, id: &str, error: &str) -> &mut Self {
        self.tell("Network.loadingFailed", json!({"requestId": id, "errorText": error}))
    }

    fn way(&self) -> Vec<(HopKind, &str, Option<u16>)> {
        self.tracker.visits.iter().map(|visit| (visit.hop.kind, visit.hop.url.as_str(), visit.hop.status)).collect()
    }

    fn stage(&self, later: Duration) -> Stage {
        stage(&self.tracker, &Budgets::default(), self.now + later)
    }
}

const SOON: Duration = Duration::from_millis(10);
const LATER: Duration = Duration::from_secs(2);

#[test]
fn a_refresh_that_was_announced_explains_its_request() {
    let mut told = Told::new();
    told.request("1", "https://a.test/").answer("1", 200);
    let announced = json!({"delay": 0, "reason": "metaTagRefresh", "url": "https://a.test/next"});
    told.tell("Page.frameScheduledNavigation", announced).request("2", "https://a.test/next").answer("2", 200);
    told.request("3", "https://a.test/elsewhere");
    let kinds: Vec<HopKind> = told.way().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [HopKind::Start, HopKind::MetaRefresh, HopKind::Javascript]);
}

#[test]
fn a_redirect_repeats_its_request_and_a_refresh_announces_itself() {
    let mut told = Told::new();
    told.request("1", "http://a/").redirect("1", 302, "http://b/").answer("1", 200).lives("1", "commit");
    told.ask("metaTagRefresh", "http://c/").request("2", "http://c/").answer("2", 200);
    assert_eq!(
        told.way(),
        [(HopKind::Start, "http://a/", Some(302)), (HopKind::Http, "http://b/", Some(200)), (HopKind::MetaRefresh, "http://c/", Some(200)),]
    );
}

#[test]
fn an_explanation_that_comes_after_its_request_still_explains_it() {
    let mut told = Told::new();
    told.request("1", "http://a/").answer("1", 200).request("2", "http://b/x#f");
    told.ask("formSubmissionPost", "http://b/x").redirect("2", 303, "http://c/");
    let kinds: Vec<HopKind> = told.way().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [HopKind::Start, HopKind::Form, HopKind::Http]);
    assert!(told.tracker.asked.is_none());
}

#[test]
fn a_page_whose_commit_was_never_told_stands_all_the_same() {
    let mut told = Told::new();
    told.request("1", "http://a/").answer("1", 200).request("2", "market://x").fails("2", ABORTED).lives("1", "load");
    assert_eq!(told.tracker.elsewhere.as_ref().map(|elsewhere| elsewhere.target.as_str()), Some("market://x"));
    // It may have another target for when no app takes over.
    assert!(matches!(told.stage(SOON), Stage::Until(_)));
    told.ask("scriptInitiated", "http://b/").request("3", "http://b/");
    assert_eq!(told.tracker.elsewhere, None);
}

#[test]
fn an_error_page_does_not_move_on_and_an_aborted_navigation_leaves_the_page() {
    let mut told = Told::new();
    told.request("1", "http://a/").fails("1", "net::ERR_EMPTY_RESPONSE");
    assert_eq!(told.stage(SOON), Stage::Over);
    let mut told = Told::new();
    told.request("1", "http://a/").answer("1", 200).lives("1", "load").tell("Network.loadingFinished", json!({"requestId": "1"}));
    told.request("2", "http://b/").answer("2", 204).fails("2", ABORTED);
    assert_eq!(told.stage(LATER), Stage::Quiet);
}

#[test]
fn a_page_settles_when_it_is_loaded_and_quiet_and_its_refreshes_have_run() {
    let mut told = Told::new();
    told.request("1", "http://a/");
    assert!(matches!(told.stage(LATER), Stage::Until(_)));
    assert_eq!(told.stage(Duration::from_secs(16)), Stage::HopTimedOut);
    told.answer("1", 200).lives("1", "load").tell("Network.loadingFinished", json!({"requestId": "1"}));
    assert!(matches!(told.stage(SOON), Stage::Until(_)), "the network was busy a moment ago");
    assert_eq!(told.stage(LATER), Stage::Quiet);
    told.tell("Page.frameScheduledNavigation", json!({"reason": "metaTagRefresh", "delay": 4, "url": "http://b/"}));
    assert!(matches!(told.stage(LATER), Stage::Until(_)));
    told.tell("Page.frameScheduledNavigation", json!({"reason": "metaTagRefresh", "delay": 60, "url": "http://b/"}));
    assert_eq!(told.stage(LATER), Stage::Quiet);
}

#[test]
fn a_tab_that_begins_without_a_process_has_not_lost_one() {
    let mut told = Told::new();
    told.tell("Inspector.targetCrashed", json!({})).request("1", "http://a/").answer("1", 200);
    // What stands there before the page does is told when it is asked for.
    told.tracker.stands(&json!({"id": "f", "loaderId": "0", "url": ":"}), told.now);
    assert!(!told.tracker.crashed && told.tracker.document.is_none());
    told.lives("1", "load").tell("Inspector.targetCrashed", json!({}));
    assert!(told.tracker.crashed);
}

#[test]
fn what_was_parsed_has_come_even_when_that_was_never_told() {
    let mut told = Told::new();
    told.request("1", "http://a/").answer("1", 200);
    assert!(!told.tracker.traffic.is_idle());
    told.lives("1", "DOMContentLoaded");
    assert!(told.tracker.traffic.is_idle());
}

#[test]
fn the_same_request_with_the_same_cookies_counts_as_a_repeat() {
    let mut told = Told::new();
    for turn in ["1", "2", "3"] {
        told.ask("reload", "http://a/").request(turn, "http://a/").answer(turn, 200);
    }
    assert_eq!(told.tracker.repeats(), Some((2, 0)));
    told.ask("reload", "http://a/").request("4", "http://a/");
    told.tell("Network.requestWillBeSentExtraInfo", json!({"requestId": "4", "headers": {"Cookie": "seen=1"}})).answer("4", 200);
    assert_eq!(told.tracker.repeats(), None);
}

#[test]
fn what_was_told_separately_is_joined_and_withdrawn_wishes_are_left_out() {
    let mut told = Told::new();
    told.request("1", "http://a/")
        .tell("Network.requestWillBeSentExtraInfo", json!({"requestId": "1", "headers": {"Referer": "http://r/"}}));
    told.tell("Network.responseReceivedExtraInfo", json!({"requestId": "1", "headers": {"Set-Cookie": "a=1; Path=/\nb=2"}}));
    told.answer("1", 200).ask("scriptInitiated", "http://b/").request("2", "http://b/").fails("2", ABORTED);
    told.ask("scriptInitiated", "http://c/").request("3", "http://c/").answer("3", 200);
    told.tracker.complete();
    assert_eq!(told.way().len(), 2);
    let first = &told.tracker.visits[0].hop;
    assert_eq!((first.referrer.as_deref(), &first.set_cookies[..]), (Some("http://r/"), &["a".to_owned(), "b".to_owned()][..]));
    assert_eq!(told.tracker.visits[1].hop.index, 1);
}
