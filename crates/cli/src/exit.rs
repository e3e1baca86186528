//! What a command's end means to a script: one list of exit codes, and the failures that lead to them.

use std::fmt;
use std::io;
use std::process::ExitCode;

use protocol::{Class, Problem};

/// The exit codes. Stable: scripts branch on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; for links: every one is valid, or deliberately skipped.
    Ok = 0,
    /// The answer is no: a link is bad, a signature does not match, a check failed.
    No = 1,
    /// The command line or its input cannot be understood.
    Usage = 2,
    /// The relay refused; its problem code is printed.
    Refused = 3,
    /// Something could not be reached, read or written.
    Unreachable = 4,
    /// Nothing certain can be said of at least one link, or a wait ended too early; none is known to be bad.
    Inconclusive = 5,
    /// At least one link wants a person's look; none is worse.
    Review = 6,
}

/// For `--help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  done; every link is valid
  1  the answer is no: a link is bad, a signature does not match, a check failed
  2  the command line or its input cannot be understood
  3  the relay refused; its problem code is printed
  4  something could not be reached, read or written
  5  inconclusive: nothing certain can be said of a link, or a wait ended too early
  6  review: a link works, but a person should look";

impl Exit {
    /// What one link's class means for the exit code.
    pub(crate) fn of_class(class: Class) -> Self {
        match class {
            Class::Ok | Class::Skipped => Self::Ok,
            Class::Review => Self::Review,
            Class::Inconclusive => Self::Inconclusive,
            Class::Bad => Self::No,
        }
    }

    /// Of two ends the one that a script must hear of. A known fault outweighs a doubt, a doubt a matter of taste.
    pub(crate) fn worse(self, other: Self) -> Self {
        let weight = |exit: Self| match exit {
            Self::Ok => 0,
            Self::Review => 1,
            Self::Inconclusive => 2,
            Self::No => 3,
            Self::Usage | Self::Refused | Self::Unreachable => 4,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or its input cannot be understood.
    Usage(String),
    /// The relay refused.
    Refused(Box<Problem>),
    /// Something could not be reached, read or written.
    Unreachable(anyhow::Error),
    /// Whoever read our output has read enough.
    OutputClosed,
}

impl Failure {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Refused(_) => Exit::Refused,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::OutputClosed => Exit::Ok,
        }
    }

    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self::Usage(text.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Refused(problem) => {
                write!(f, "the relay refused: {problem}")?;
                let errors = problem.members.get("errors").and_then(|errors| errors.as_array());
                for error in errors.into_iter().flatten() {
                    let text = |name: &str| error[name].as_str().unwrap_or_default();
                    match (text("pointer"), text("detail")) {
                        // Of the whole payload: the problem's own detail has said it.
                        ("", detail) if problem.detail.contains(detail) => {}
                        ("", detail) => write!(f, "\n  {detail}")?,
                        (pointer, detail) => write!(f, "\n  {pointer}: {detail}")?,
                    }
                }
                Ok(())
            }
            Self::Unreachable(error) => write!(f, "{error:#}"),
            Self::OutputClosed => f.write_str("the output was closed"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Unreachable(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::OutputClosed } else { Self::Unreachable(error.into()) }
    }
}

/// What a command comes to.
pub(crate) type Ended = Result<Exit, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_link_decides() {
        let worst = |classes: &[Class]| classes.iter().map(|class| Exit::of_class(*class)).fold(Exit::Ok, Exit::worse);
        assert_eq!(worst(&[]), Exit::Ok);
        assert_eq!(worst(&[Class::Ok, Class::Skipped]), Exit::Ok);
        assert_eq!(worst(&[Class::Review, Class::Ok]), Exit::Review);
        assert_eq!(worst(&[Class::Review, Class::Inconclusive]), Exit::Inconclusive);
        assert_eq!(worst(&[Class::Bad, Class::Inconclusive, Class::Review]), Exit::No);
    }

    #[test]
    fn the_help_lists_every_code() {
        for exit in [Exit::Ok, Exit::No, Exit::Usage, Exit::Refused, Exit::Unreachable, Exit::Inconclusive, Exit::Review] {
            assert!(TABLE.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }

    #[test]
    fn a_refusal_names_its_code_and_every_fault() {
        let problem: Problem = serde_json::from_value(serde_json::json!({
            "type": "about:blank", "title": "The payload is not valid", "status": 422, "detail": "2 faults", "code": "invalid_payload",
            "requestId": "req_1", "errors": [{"pointer": "/rowId", "detail": "is required"}]
        }))
        .unwrap();
        let text = Failure::Refused(Box::new(problem)).to_string();
        assert!(text.contains("invalid_payload: 2 faults") && text.contains("/rowId: is required"), "{text}");
    }

    #[test]
    fn a_fault_of_the_whole_is_said_once() {
        let problem: Problem = serde_json::from_value(serde_json::json!({
            "type": "about:blank", "title": "The payload is not valid", "status": 422, "detail": "would leave nobody",
            "code": "invalid_payload", "requestId": "req_1", "errors": [{"pointer": "", "detail": "would leave nobody"}, {"pointer": "", "detail": "nor anything"}]
        }))
        .unwrap();
        let text = Failure::Refused(Box::new(problem)).to_string();
        assert_eq!((text.matches("would leave nobody").count(), text.contains("\n  nor anything")), (1, true), "{text}");
    }
}
