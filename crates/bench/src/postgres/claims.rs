//! What is claimed of the figures, and whether it held in this run.

/// Claims, in order.
#[derive(Debug, Default)]
pub(super) struct Claims(Vec<(bool, String)>);

impl Claims {
    /// One that holds or not.
    pub(super) fn add(&mut self, holds: bool, claim: String) {
        self.0.push((holds, claim));
    }

    /// All of them, a line each.
    pub(super) fn to_text(&self) -> String {
        let line = |(holds, claim): &(bool, String)| format!("{} {claim}\n", if *holds { "holds:" } else { "FAILS:" });
        format!("\nclaims\n{}", self.0.iter().map(line).collect::<String>())
    }
}
