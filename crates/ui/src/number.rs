//! Numbers. Pages group by thousands; the script writes them as the reader's locale does. The exact value is on hover.

use maud::{Markup, html};

/// A whole number.
#[must_use]
pub fn number(value: u64) -> Markup {
    html! { data.num value=(value) title=(value) { (grouped(value)) } }
}

/// A whole number, or a dash when there is none.
#[must_use]
pub fn number_or_dash(value: Option<u64>) -> Markup {
    value.map_or_else(|| html! { span.faint { "–" } }, number)
}

/// `12,345,678`.
#[must_use]
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three figures at most: `999`, `1.2k`, `34k`, `5.6M`.
#[must_use]
pub fn short(value: u64) -> String {
    let scaled = |unit: u64, sign: char| match value / unit {
        whole @ 0..10 => format!("{whole}.{}{sign}", value % unit * 10 / unit),
        whole => format!("{whole}{sign}"),
    };
    match value {
        0..1_000 => value.to_string(),
        1_000..1_000_000 => scaled(1_000, 'k'),
        1_000_000..1_000_000_000 => scaled(1_000_000, 'M'),
        _ => scaled(1_000_000_000, 'G'),
    }
}

/// So many bytes: `512 B`, `1.5 KiB`, `3.0 MiB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    let in_tenths = |unit: u64, sign: &str| format!("{}.{} {sign}", value / unit, value % unit * 10 / unit);
    match value {
        0..1_024 => format!("{value} B"),
        1_024..1_048_576 => in_tenths(1_024, "KiB"),
        1_048_576..1_073_741_824 => in_tenths(1_048_576, "MiB"),
        _ => in_tenths(1_073_741_824, "GiB"),
    }
}

/// A part of a whole in percent; of nothing, 0.
#[must_use]
pub const fn percent(part: u64, whole: u64) -> u64 {
    match whole {
        0 => 0,
        // 128 bits: the product of two counters may pass 64.
        _ => (part as u128 * 100 / whole as u128) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_easily() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([999, 1_234, 34_567, 5_678_901].map(short), ["999", "1.2k", "34k", "5.6M"]);
        assert_eq!([512, 1_536, 3_145_728].map(bytes), ["512 B", "1.5 KiB", "3.0 MiB"]);
        assert_eq!((percent(1, 3), percent(5, 0), percent(u64::MAX, u64::MAX)), (33, 0, 100));
    }
}
