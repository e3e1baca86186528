//! What is claimed of the resolver beside other programs, and whether this run bears it out.

use serde_json::{Value, json};

/// Links a second over curl's: more than as fast.
pub(super) const FASTER_THAN_CURL: f64 = 1.0;
/// Links a second over lychee's.
pub(super) const FASTER_THAN_LYCHEE: f64 = 1.5;
/// Pages a second over playwright's, both with a fresh context a link, until the load event.
pub(super) const FASTER_THAN_PLAYWRIGHT: f64 = 2.0;
/// What the HTTP engine may take at 256 chains, whatever the size of pages.
pub(super) const MEMORY_MIB: f64 = 100.0;

/// One claim and what was measured for it.
pub(super) struct Claim {
    what: String,
    bound: Bound,
    measured: Option<f64>,
}

/// When a claim holds.
#[derive(Clone, Copy)]
enum Bound {
    MoreThan(f64),
    AtLeast(f64),
    Under(f64),
}

impl Claim {
    /// So many times as fast as something else, or faster; `None` when that was not measured.
    pub(super) fn at_least(what: impl Into<String>, times: f64, measured: Option<f64>) -> Self {
        Self { what: what.into(), bound: Bound::AtLeast(times), measured }
    }

    /// Faster than so many times as fast.
    pub(super) fn more_than(what: impl Into<String>, times: f64, measured: Option<f64>) -> Self {
        Self { what: what.into(), bound: Bound::MoreThan(times), measured }
    }

    /// No more than so many MiB.
    pub(super) fn under(what: impl Into<String>, mib: f64, measured: Option<f64>) -> Self {
        Self { what: what.into(), bound: Bound::Under(mib), measured }
    }

    /// Whether this run bears it out; `None` when it cannot tell.
    fn holds(&self) -> Option<bool> {
        let measured = self.measured?;
        Some(match self.bound {
            Bound::MoreThan(bound) => measured > bound,
            Bound::AtLeast(bound) => measured >= bound,
            Bound::Under(bound) => measured < bound,
        })
    }

    fn verdict(&self) -> &'static str {
        match self.holds() {
            Some(true) => "pass",
            Some(false) => "FAIL",
            None => "not measured",
        }
    }

    fn to_json(&self) -> Value {
        let (relation, bound) = match self.bound {
            Bound::MoreThan(bound) => ("moreThan", bound),
            Bound::AtLeast(bound) => ("atLeast", bound),
            Bound::Under(bound) => ("under", bound),
        };
        json!({"claim": self.what, "bound": {relation: bound}, "measured": self.measured, "holds": self.holds()})
    }
}

/// A table for people.
pub(super) fn to_text(claims: &[Claim]) -> String {
    let mut text = format!("\n{:<72}{:>16}{:>16}{:>14}\n", "claim", "asked", "measured", "verdict");
    for claim in claims {
        let (asked, unit) = match claim.bound {
            Bound::MoreThan(bound) => (format!("> {bound:.2}"), ""),
            Bound::AtLeast(bound) => (format!(">= {bound:.2}"), ""),
            Bound::Under(bound) => (format!("< {bound:.0} MiB"), " MiB"),
        };
        let measured = claim.measured.map_or_else(|| "-".to_owned(), |measured| format!("{measured:.2}{unit}"));
        text += &format!("{:<72}{asked:>16}{measured:>16}{:>14}\n", claim.what, claim.verdict());
    }
    text
}

/// The same for programs.
pub(super) fn to_json(claims: &[Claim]) -> Vec<Value> {
    claims.iter().map(Claim::to_json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_holds_fails_or_was_not_measured() {
        let verdicts = [
            Claim::more_than("curl", 1.0, Some(1.0)),
            Claim::more_than("curl", 1.0, Some(1.01)),
            Claim::at_least("lychee", 1.5, Some(1.5)),
            Claim::under("memory", 100.0, Some(100.0)),
            Claim::at_least("playwright", 2.0, None),
        ]
        .map(|claim| claim.verdict());
        assert_eq!(verdicts, ["FAIL", "pass", "pass", "FAIL", "not measured"]);
    }
}
