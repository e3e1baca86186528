//! Lengths of time and moments, as people write them on a command line.

use std::str::FromStr;

use protocol::UnixMillis;

/// A length of time: a number and `s`, `m`, `h`, `d` or `w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(i64);

/// A moment: after a length of time, or at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// After so long.
    After(Span),
    /// At this time.
    At(UnixMillis),
}

impl Span {
    pub(crate) const fn seconds(self) -> i64 {
        self.0
    }
}

impl When {
    pub(crate) fn after(self, now: UnixMillis) -> UnixMillis {
        match self {
            Self::After(span) => now.plus_seconds(span.0),
            Self::At(time) => time,
        }
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected a number and s, m, h, d or w: 90d, 12h";
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            Some('w') => 7 * 86_400,
            _ => return Err(wrong),
        };
        let digits = &text[..text.len() - 1];
        // At most a hundred thousand of anything: no length that people mean is longer, and none overflows.
        let is_number = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|_| is_number).map(|number| Self(number * unit)).ok_or(wrong)
    }
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected a length of time (90d, 12h) or a time in UTC (2027-01-31T00:00:00Z)";
        text.parse().map(Self::After).or_else(|_| text.parse().map(Self::At)).map_err(|_| wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_moments_are_read_as_people_write_them() {
        assert_eq!("90d".parse(), Ok(Span(90 * 86_400)));
        assert_eq!("0s".parse(), Ok(Span(0)));
        assert_eq!("2w".parse::<When>().unwrap().after(UnixMillis(0)), UnixMillis(14 * 86_400_000));
        assert_eq!("2027-01-31T00:00:00Z".parse::<When>().unwrap().after(UnixMillis(0)).to_string(), "2027-01-31T00:00:00.000Z");
        for text in ["", "d", "9", "-1d", "1.5h", "9999999d", "1y", "ä", "tomorrow"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }
}
