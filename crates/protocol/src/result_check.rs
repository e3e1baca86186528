//! What a result must hold beyond its shape. A desktop is a stranger too: the relay checks what it hands in, and a desktop
//! checks what it is about to hand in, since a refused result would have its link clicked again and again. Whether a result
//! is true nobody can check; that it does not contradict itself, and that nobody is harmed by looking at it, can be.

use crate::conclusion::Conclusion;
use crate::fetch_request::PayloadError;
use crate::result::{
    Hop, JobResult, MAX_BESIDE, MAX_DURATION_MS, MAX_HOPS, MAX_PARAMETERS, MAX_TEXT_BYTES, MAX_URL_BYTES, ParameterTrace, picture,
};
use crate::text::is_plain_text;

const TEXT: &str = "must have at most 4096 bytes, no control characters and none that turn the direction of text";
const TARGET: &str = "must have at most 65536 bytes, no control characters and none that turn the direction of text";
const WEB_URL: &str = "must be an http or https URL of at most 65536 bytes, without control characters";
const DURATION: &str = "must be at most 604800000 ms, the longest deadline of a job";
const HOP: &str = "must be the index of a hop";

type Checked = Result<(), PayloadError>;

impl JobResult {
    /// Checks what serde cannot: the bounds, that every URL that people may click is http(s), that no text carries
    /// characters that harm whoever looks at it, and that the conclusion is one that a chain like this can have.
    ///
    /// # Errors
    /// The first member that is wrong, by pointer.
    pub fn check(&self) -> Checked {
        text("/detail", Some(&self.detail))?;
        text("/title", self.title.as_deref())?;
        text("/observed/userAgent", self.observed.user_agent.as_deref())?;
        text("/observed/proxy", self.observed.proxy.as_deref())?;
        text("/observed/addressFamily", self.observed.address_family.as_deref())?;
        text("/handover", self.handover.as_deref())?;
        target("/delayedRefresh/target", self.delayed_refresh.as_ref().map(|refresh| refresh.target.as_str()))?;
        web_url("/finalUrl", self.final_url.as_deref())?;
        expect(self.duration_ms <= MAX_DURATION_MS, "/durationMs", DURATION)?;
        self.check_parameters()?;
        if let Some(beside) = &self.beside {
            let fits = beside.popups.len() <= MAX_BESIDE && beside.refused.len() <= MAX_BESIDE;
            expect(fits, "/beside", "must have at most 20 popups and 20 refused addresses")?;
            beside.popups.iter().chain(&beside.refused).try_for_each(|told| text("/beside", Some(told)))?;
        }
        let is_picture = self.screenshot.as_deref().is_none_or(|text| picture(text).is_some());
        expect(is_picture, "/screenshot", "must be a WebP picture of at most 64 KiB in base64")?;
        expect(self.hops.len() <= MAX_HOPS, "/hops", "must have at most 128 hops")?;
        expect(self.failing_hop.is_none_or(|hop| (hop as usize) < self.hops.len()), "/failingHop", HOP)?;
        let within = |index: usize, fault: PayloadError| PayloadError { pointer: format!("/hops/{index}{}", fault.pointer), ..fault };
        self.hops.iter().enumerate().try_for_each(|(index, hop)| check_hop(index, hop).map_err(|fault| within(index, fault)))?;
        self.check_conclusion()
    }

    fn check_parameters(&self) -> Checked {
        expect(self.parameters.len() <= MAX_PARAMETERS, "/parameters", "must have at most 64 parameters")?;
        let within = |index: usize, fault: PayloadError| PayloadError { pointer: format!("/parameters/{index}{}", fault.pointer), ..fault };
        (self.parameters.iter().enumerate())
            .try_for_each(|(index, parameter)| check_parameter(parameter).map_err(|fault| within(index, fault)))
    }

    /// Refuses what no desktop that looked can have seen. A result without hops has lost its evidence, and says nothing.
    fn check_conclusion(&self) -> Checked {
        use Conclusion::{
            AccessChallenged, AppHandoff, ConnectFailed, ContentUnusable, ContextUnavailable, DestinationMismatch, DnsFailed, Drifted,
            HttpClientError, HttpGone, HttpServerError, InputInvalid, NotExecuted, OfferUnavailable, ParametersMissing, RedirectInvalid,
            RedirectLoop, SkippedByOperator, SkippedByRule, TargetRefused, TimedOut, TlsFailed, TooManyHops, Valid,
        };
        if let Some(last) = self.hops.last() {
            expect(self.http_status == last.status, "/httpStatus", "must be the status of the last hop")?;
        }
        // Beyond 599 there are none, and whatever a page says there may be a page.
        let is_no_error = |status: u16| !(400..600).contains(&status);
        let status_is = |fits: &dyn Fn(u16) -> bool| {
            expect(self.http_status.is_none_or(fits), "/conclusion", "contradicts the status of the last answer")
        };
        match self.conclusion {
            SkippedByOperator | SkippedByRule | NotExecuted => {
                expect(false, "/conclusion", "is the relay's own: no desktop that looked at a link can have it")
            }
            InputInvalid => expect(self.hops.is_empty(), "/conclusion", "contradicts the hops: no request can have been sent"),
            HttpGone => status_is(&|status| matches!(status, 404 | 410)),
            HttpClientError => status_is(&|status| (400..500).contains(&status)),
            HttpServerError => status_is(&|status| (500..600).contains(&status)),
            OfferUnavailable | DestinationMismatch | ParametersMissing | Drifted => status_is(&is_no_error),
            Valid => {
                expect(self.failing_hop.is_none(), "/failingHop", "contradicts the conclusion: no hop of a valid link has failed")?;
                status_is(&is_no_error)
            }
            TargetRefused | ContextUnavailable | DnsFailed | ConnectFailed | TlsFailed | TimedOut | RedirectLoop | TooManyHops
            | RedirectInvalid | AppHandoff | AccessChallenged | ContentUnusable => Ok(()),
        }
    }
}

fn check_parameter(parameter: &ParameterTrace) -> Checked {
    let is_hop = |hop: &u32| (*hop as usize) < MAX_HOPS;
    text("/name", Some(&parameter.name))?;
    expect(is_hop(&parameter.added_at), "/addedAt", "must be below 128")?;
    let changed_at = &parameter.changed_at;
    expect(changed_at.len() <= MAX_HOPS && changed_at.iter().all(is_hop), "/changedAt", "must have at most 128 hops, each below 128")?;
    expect(parameter.dropped_at.as_ref().is_none_or(is_hop), "/droppedAt", "must be below 128")
}

fn check_hop(index: usize, hop: &Hop) -> Checked {
    expect(hop.index as usize == index, "/index", "must count up from 0")?;
    web_url("/url", Some(&hop.url))?;
    target("/location", hop.location.as_deref())?;
    text("/method", Some(&hop.method))?;
    text("/remoteAddr", hop.remote_addr.as_deref())?;
    text("/httpVersion", hop.http_version.as_deref())?;
    text("/tlsVersion", hop.tls_version.as_deref())?;
    hop.set_cookies.iter().try_for_each(|name| text("/setCookies", Some(name)))?;
    web_url("/referrer", hop.referrer.as_deref())?;
    expect(hop.elapsed_ms <= MAX_DURATION_MS, "/elapsedMs", DURATION)
}

fn expect(holds: bool, pointer: &str, detail: &str) -> Checked {
    if holds { Ok(()) } else { Err(PayloadError::new(pointer, detail)) }
}

fn text(pointer: &str, text: Option<&str>) -> Checked {
    expect(text.is_none_or(|text| text.len() <= MAX_TEXT_BYTES && is_plain_text(text)), pointer, TEXT)
}

/// Where something leads; any scheme, shown and never linked.
fn target(pointer: &str, text: Option<&str>) -> Checked {
    expect(text.is_none_or(|text| text.len() <= MAX_URL_BYTES && is_plain_text(text)), pointer, TARGET)
}

/// A URL that people may click.
fn web_url(pointer: &str, url: Option<&str>) -> Checked {
    expect(url.is_none_or(is_web_url), pointer, WEB_URL)
}

fn is_web_url(text: &str) -> bool {
    let web = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    text.len() <= MAX_URL_BYTES && is_plain_text(text) && (web("http://") || web("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMillis;
    use crate::result::{Beside, DelayedRefresh, MAX_SCREENSHOT_BYTES};

    fn pointer_after(change: impl FnOnce(&mut JobResult)) -> Option<String> {
        let hop = Hop { url: "https://a.example/".to_owned(), method: "GET".to_owned(), ..Hop::default() };
        let blank = JobResult::not_executed("d", UnixMillis(0));
        let mut result = JobResult { conclusion: Conclusion::TimedOut, hops: vec![hop], ..blank };
        change(&mut result);
        result.check().err().map(|fault| fault.pointer)
    }

    #[test]
    fn hostile_results_are_named_by_member() {
        assert_eq!(pointer_after(|_| ()), None);
        assert_eq!(pointer_after(|r| r.final_url = Some("javascript:alert(1)".into())).as_deref(), Some("/finalUrl"));
        assert_eq!(pointer_after(|r| r.detail = "a\u{1b}[2J".into()).as_deref(), Some("/detail"));
        assert_eq!(pointer_after(|r| r.title = Some("x".repeat(4_097))).as_deref(), Some("/title"));
        assert_eq!(pointer_after(|r| r.handover = Some("\n".into())).as_deref(), Some("/handover"));
        let refresh = |target: &str| Some(DelayedRefresh { seconds: 9, target: target.into() });
        assert_eq!(pointer_after(|r| r.delayed_refresh = refresh("x\u{7}")).as_deref(), Some("/delayedRefresh/target"));
        assert_eq!(pointer_after(|r| r.delayed_refresh = refresh("market://x")), None);
        assert_eq!(pointer_after(|r| r.parameters = vec![ParameterTrace::default(); 65]).as_deref(), Some("/parameters"));
        let popup = |url: &str| Some(Beside { popups: vec![url.into()], ..Beside::default() });
        assert_eq!(pointer_after(|r| r.beside = popup("x\u{7}")).as_deref(), Some("/beside"));
        assert_eq!(pointer_after(|r| r.beside = popup("market://x")), None);
        let picture = |bytes: &[u8]| Some(data_encoding::BASE64.encode(bytes));
        assert_eq!(pointer_after(|r| r.screenshot = picture(b"RIFF\x08\0\0\0WEBPVP8 ")), None);
        let polyglot = b"RIFF\x08\0\0\0WEBPVP8 <script>alert(1)</script>";
        assert_eq!(pointer_after(|r| r.screenshot = picture(polyglot)).as_deref(), Some("/screenshot"));
        assert_eq!(pointer_after(|r| r.screenshot = picture(b"RIFF\x08\0\0\0WEBPhtml")).as_deref(), Some("/screenshot"));
        assert_eq!(pointer_after(|r| r.screenshot = picture(b"<svg onload=alert(1)>")).as_deref(), Some("/screenshot"));
        assert_eq!(pointer_after(|r| r.screenshot = Some("RIFF".into())).as_deref(), Some("/screenshot"));
        let large = [&b"RIFF\x08\0\x01\0WEBPVP8 "[..], &[0; MAX_SCREENSHOT_BYTES]].concat();
        assert_eq!(pointer_after(|r| r.screenshot = picture(&large)).as_deref(), Some("/screenshot"));
        assert_eq!(pointer_after(|r| r.failing_hop = Some(1)).as_deref(), Some("/failingHop"));
        assert_eq!(pointer_after(|r| r.hops[0].url = "data:text/html,x".into()).as_deref(), Some("/hops/0/url"));
        assert_eq!(pointer_after(|r| r.hops[0].index = 1).as_deref(), Some("/hops/0/index"));
        assert_eq!(pointer_after(|r| r.hops[0].location = Some("intent://x".into())), None);
    }

    #[test]
    fn absurd_numbers_are_named() {
        assert_eq!(pointer_after(|r| r.duration_ms = u64::MAX).as_deref(), Some("/durationMs"));
        assert_eq!(pointer_after(|r| r.duration_ms = MAX_DURATION_MS), None);
        assert_eq!(pointer_after(|r| r.hops[0].elapsed_ms = u64::MAX).as_deref(), Some("/hops/0/elapsedMs"));
        assert_eq!(pointer_after(|r| r.hops = vec![r.hops[0].clone(); 10_000]).as_deref(), Some("/hops"));
        let parameter = |change: &dyn Fn(&mut ParameterTrace)| {
            let mut parameter = ParameterTrace::default();
            change(&mut parameter);
            pointer_after(|r| r.parameters = vec![parameter])
        };
        assert_eq!(parameter(&|p| p.added_at = 128).as_deref(), Some("/parameters/0/addedAt"));
        assert_eq!(parameter(&|p| p.changed_at = vec![1, u32::MAX]).as_deref(), Some("/parameters/0/changedAt"));
        assert_eq!(parameter(&|p| p.dropped_at = Some(128)).as_deref(), Some("/parameters/0/droppedAt"));
        assert_eq!(parameter(&|p| p.dropped_at = Some(127)), None);
    }

    #[test]
    fn no_text_turns_the_direction_of_another() {
        for text in ["a\u{202e}gpj.exe", "a\u{2067}b", "a\u{2028}b", "\u{0}"] {
            assert_eq!(pointer_after(|r| r.title = Some(text.into())).as_deref(), Some("/title"), "{text:?}");
            assert_eq!(pointer_after(|r| r.hops[0].set_cookies = vec![text.into()]).as_deref(), Some("/hops/0/setCookies"));
            assert_eq!(pointer_after(|r| r.hops[0].location = Some(text.into())).as_deref(), Some("/hops/0/location"));
            assert_eq!(pointer_after(|r| r.final_url = Some(format!("https://a.example/{text}"))).as_deref(), Some("/finalUrl"));
        }
    }

    #[test]
    fn a_conclusion_that_no_such_chain_can_have_is_refused() {
        use Conclusion::{
            Drifted, HttpClientError, HttpGone, HttpServerError, InputInvalid, NotExecuted, SkippedByOperator, SkippedByRule, Valid,
        };
        let after = |conclusion, status| {
            pointer_after(|r| {
                (r.conclusion, r.http_status, r.hops[0].status) = (conclusion, status, status);
            })
        };
        for (conclusion, status) in
            [(Valid, 404), (Valid, 503), (Drifted, 403), (HttpGone, 200), (HttpGone, 403), (HttpClientError, 200), (HttpServerError, 404)]
        {
            assert_eq!(after(conclusion, Some(status)).as_deref(), Some("/conclusion"), "{conclusion} at {status}");
        }
        for (conclusion, status) in
            [(Valid, 200), (Valid, 300), (Valid, 999), (HttpGone, 410), (HttpClientError, 418), (HttpServerError, 599)]
        {
            assert_eq!(after(conclusion, Some(status)), None, "{conclusion} at {status}");
        }
        for conclusion in [SkippedByOperator, SkippedByRule, NotExecuted, InputInvalid] {
            assert_eq!(after(conclusion, None).as_deref(), Some("/conclusion"), "{conclusion}");
        }
        assert_eq!(pointer_after(|r| r.http_status = Some(200)).as_deref(), Some("/httpStatus"), "the last hop has none");
        let failing = pointer_after(|r| (r.conclusion, r.failing_hop) = (Valid, Some(0)));
        assert_eq!(failing.as_deref(), Some("/failingHop"));
    }

    #[test]
    fn a_verdict_that_has_lost_its_evidence_still_counts() {
        for conclusion in [Conclusion::Valid, Conclusion::HttpGone, Conclusion::RedirectLoop, Conclusion::InputInvalid] {
            let blank = JobResult::not_executed("d", UnixMillis(0));
            assert_eq!(JobResult { conclusion, ..blank }.without_evidence("lost").check(), Ok(()), "{conclusion}");
        }
    }
}
