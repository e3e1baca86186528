//! What a job's pages see of the visitor: user agent, languages, screen, touch. As commands for a session, in the order
//! in which they must run.

use protocol::{Context, DeviceKind};
use serde_json::{Value, json};

use crate::context::Identity;

/// A command of one session.
pub(super) type Command = (&'static str, Value);

/// For pages, frames and workers alike: a worker that tells another story than its page gives both away.
pub(super) fn agent(identity: &Identity, device: Option<DeviceKind>) -> Command {
    let is_mobile = device == Some(DeviceKind::Mobile);
    let mut agent = json!({
        "userAgent": identity.user_agent,
        "acceptLanguage": languages(&identity.accept_language).join(","),
        "platform": if is_mobile { "Linux armv81" } else { "Win32" },
    });
    // Without these a browser sends no client hints, which is right for an agent that is no Chrome.
    if let Some(version) = chrome_version(&identity.user_agent) {
        let brands = |version: &str| {
            json!([
                {"brand": "Chromium", "version": version}, {"brand": "Google Chrome", "version": version}, {"brand": "Not_A Brand", "version": "99"},
            ])
        };
        agent["userAgentMetadata"] = json!({
            "brands": brands(version), "fullVersionList": brands(&format!("{version}.0.0.0")), "mobile": is_mobile,
            "platform": if is_mobile { "Android" } else { "Windows" }, "platformVersion": if is_mobile { "10.0.0" } else { "15.0.0" },
            "architecture": if is_mobile { "" } else { "x86" }, "bitness": if is_mobile { "" } else { "64" },
            "model": if is_mobile { "K" } else { "" }, "wow64": false,
        });
    }
    ("Emulation.setUserAgentOverride", agent)
}

/// For pages.
pub(super) fn screen(device: Option<DeviceKind>) -> Vec<Command> {
    match device {
        Some(DeviceKind::Mobile) => vec![
            (
                "Emulation.setDeviceMetricsOverride",
                json!({
                    "width": 412, "height": 915, "deviceScaleFactor": 2.625, "mobile": true, "screenWidth": 412, "screenHeight": 915,
                    "screenOrientation": {"type": "portraitPrimary", "angle": 0},
                }),
            ),
            ("Emulation.setTouchEmulationEnabled", json!({"enabled": true, "maxTouchPoints": 5})),
        ],
        Some(DeviceKind::Desktop) | None => vec![(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": 1366, "height": 768, "deviceScaleFactor": 1, "mobile": false, "screenWidth": 1366, "screenHeight": 768}),
        )],
    }
}

/// Fields that the browser would write in its own way; `None` when its way is the asked-for one.
pub(super) fn fields(identity: &Identity) -> Option<Command> {
    let own = languages(&identity.accept_language);
    let written: Vec<String> = own
        .iter()
        .enumerate()
        .map(|(turn, language)| match turn {
            0 => language.clone(),
            // Chromium's way: a tenth less each time, never below one.
            _ => format!("{language};q=0.{}", 10_usize.saturating_sub(turn).max(1)),
        })
        .collect();
    (written.join(",") != identity.accept_language)
        .then(|| ("Network.setExtraHTTPHeaders", json!({"headers": {"Accept-Language": identity.accept_language}})))
}

/// The first language, for dates and numbers.
pub(super) fn locale(context: &Context) -> Option<Command> {
    let first = languages(context.accept_language.as_deref()?).into_iter().next().filter(|language| language != "*")?;
    Some(("Emulation.setLocaleOverride", json!({"locale": first.replace('-', "_")})))
}

/// The tags of an Accept-Language field, without their weights.
fn languages(field: &str) -> Vec<String> {
    field.split(',').map(|range| range.split(';').next().unwrap_or_default().trim().to_owned()).filter(|tag| !tag.is_empty()).collect()
}

fn chrome_version(agent: &str) -> Option<&str> {
    // Edge, Opera and others name Chrome too; their hints would be others.
    if ["Edg/", "EdgA/", "OPR/", "SamsungBrowser/", "HeadlessChrome/"].iter().any(|other| agent.contains(other)) {
        return None;
    }
    let rest = agent.split_once("Chrome/")?.1;
    rest.split(['.', ' ']).next().filter(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(language: Option<&str>, agent: Option<&str>) -> Identity {
        let context = Context { accept_language: language.map(str::to_owned), user_agent: agent.map(str::to_owned), ..Context::default() };
        Identity::of(&context)
    }

    #[test]
    fn languages_are_sent_word_for_word() {
        assert_eq!(fields(&identity(None, None)), None);
        assert_eq!(fields(&identity(Some("de-DE,de;q=0.9,en;q=0.8"), None)), None);
        let odd = fields(&identity(Some("de; q=0.5"), None)).unwrap();
        assert_eq!(odd.1["headers"]["Accept-Language"], "de; q=0.5");
        assert_eq!(agent(&identity(Some("de-DE,de;q=0.9"), None), None).1["acceptLanguage"], "de-DE,de");
    }

    #[test]
    fn only_chrome_has_chromes_hints() {
        let hints = |text: Option<&str>| agent(&identity(None, text), None).1.get("userAgentMetadata").is_some();
        assert!(hints(None));
        assert!(!hints(Some("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0")));
        assert!(!hints(Some("Mozilla/5.0 Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0")));
    }
}
