//! Times. Pages say them in UTC; the script says them in the reader's zone and words. The exact UTC value is on hover.

use maud::{Markup, html};
use protocol::UnixMillis;

/// A moment, to the minute.
#[must_use]
pub fn time(at: UnixMillis) -> Markup {
    html! { time datetime=(at) title=(at) { (minute(at)) } }
}

/// A moment, or a dash when there is none.
#[must_use]
pub fn time_or_dash(at: Option<UnixMillis>) -> Markup {
    at.map_or_else(|| html! { span.faint { "–" } }, time)
}

/// How long ago (or how far ahead), as seen at `now`; the script keeps it true while the page is open.
#[must_use]
pub fn ago(at: UnixMillis, now: UnixMillis) -> Markup {
    html! { time datetime=(at) title=(at) data-relative { (relative(at, now)) } }
}

/// How long ago, or a dash.
#[must_use]
pub fn ago_or_dash(at: Option<UnixMillis>, now: UnixMillis) -> Markup {
    at.map_or_else(|| html! { span.faint { "–" } }, |at| ago(at, now))
}

/// `2026-05-26 14:03 UTC`.
#[must_use]
pub fn minute(at: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.to_string(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The beginning of a day in UTC, as a date field writes the day: `2026-05-26`. `None`: the text is no day.
#[must_use]
pub fn beginning_of_day(text: &str) -> Option<UnixMillis> {
    let day: jiff::civil::Date = text.parse().ok()?;
    let begin = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(UnixMillis(begin.timestamp().as_millisecond()))
}

/// A duration of so many milliseconds, in the two largest fitting units: `840 ms`, `3.2 s`, `4 min 10 s`, `3 h 5 min`, `2 d 4 h`.
#[must_use]
pub fn duration(millis: u64) -> String {
    let seconds = millis / 1_000;
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{}.{} s", seconds, millis % 1_000 / 100),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

fn relative(at: UnixMillis, now: UnixMillis) -> String {
    let seconds = now.0.abs_diff(at.0) / 1_000;
    let length = match seconds {
        0..5 => return "now".to_owned(),
        5..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    };
    if at > now { format!("in {length}") } else { format!("{length} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_exact_on_hover_and_short_on_the_page() {
        let markup = time(UnixMillis(1_779_753_600_123)).into_string();
        assert_eq!(markup, r#"<time datetime="2026-05-26T00:00:00.123Z" title="2026-05-26T00:00:00.123Z">2026-05-26 00:00 UTC</time>"#);
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        for (text, seconds) in [("1970-01-01", 0), ("2000-02-29", 951_782_400), ("2026-05-26", 1_779_753_600)] {
            assert_eq!(beginning_of_day(text), Some(UnixMillis(seconds * 1_000)), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "2026-02-30", "26-05-2026"] {
            assert_eq!(beginning_of_day(text), None, "{text}");
        }
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let shown: Vec<String> = [0, 840, 3_250, 250_000, 3_600_000, 11_100_000, 187_200_000].map(duration).into();
        assert_eq!(shown, ["0 ms", "840 ms", "3.2 s", "4 min 10 s", "1 h", "3 h 5 min", "2 d 4 h"]);
    }

    #[test]
    fn the_past_and_the_future_are_told_apart() {
        assert_eq!(relative(UnixMillis(0), UnixMillis(120_000)), "2 min ago");
        assert_eq!(relative(UnixMillis(90_000_000), UnixMillis(0)), "in 1 d");
        assert_eq!(relative(UnixMillis(0), UnixMillis(3_000)), "now");
    }
}
