//! Calendar months in UTC: what a quota counts by.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::UnixMillis;

/// One calendar month in UTC, as months since year 0: `2026-05` is 2026 * 12 + 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i64);

impl Month {
    /// The month that `time` lies in. Times beyond the calendar (years -9999 to 9999) count as its first month.
    #[must_use]
    pub fn of(time: UnixMillis) -> Self {
        let date = jiff::Timestamp::from_millisecond(time.0).map_or(Date::MIN, |time| time.to_zoned(TimeZone::UTC).date());
        Self(i64::from(date.year()) * 12 + i64::from(date.month()) - 1)
    }

    /// The month that storage kept as this number.
    #[must_use]
    pub const fn of_number(number: i64) -> Self {
        Self(number)
    }

    /// The number that storage keeps.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The month of the number that storage kept.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// When the next month begins, and with it a new quota.
    #[must_use]
    pub fn renews_at(self) -> UnixMillis {
        let next = self.0 + 1;
        let year = i16::try_from(next.div_euclid(12)).unwrap_or(i16::MAX);
        let month = i8::try_from(next.rem_euclid(12) + 1).unwrap_or(1);
        let midnight = Date::new(year, month, 1).ok().and_then(|date| date.to_zoned(TimeZone::UTC).ok());
        midnight.map_or(UnixMillis(i64::MAX), |time| UnixMillis(time.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMillis {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_ends_at_midnight_utc() {
        let may = Month::of(at("2026-05-31T23:59:59.999Z"));
        assert_eq!(may.renews_at(), at("2026-06-01T00:00:00Z"));
        assert!(Month::of(at("2026-06-01T00:00:00Z")) > may);
        assert_eq!(Month::of(at("2026-12-24T12:00:00Z")).renews_at(), at("2027-01-01T00:00:00Z"));
    }
}
