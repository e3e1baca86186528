//! Paths of rows and jobs in the console. A row id may be any text, so each part is written as one segment.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use protocol::{AccountId, Environment, JobId};
use store::{Store, StoreError};

/// What may stand in a segment as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as one segment of a path, or one value of a query. A segment of dots alone would be taken for a step up.
pub(crate) fn segment(text: &str) -> String {
    let encoded = utf8_percent_encode(text, SEGMENT).to_string();
    if encoded.chars().all(|c| c == '.') { encoded.replace('.', "%2E") } else { encoded }
}

/// Which row, as pages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowName {
    pub(crate) environment: Environment,
    pub(crate) source: String,
    pub(crate) row_id: String,
}

impl RowName {
    /// Its page, below the account's.
    pub(crate) fn path(&self) -> String {
        format!("/rows/{self}")
    }
}

/// `live/csv/a%2Fb`: as it stands in a path, and as the value of a tick.
impl std::fmt::Display for RowName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.environment.as_str(), segment(&self.source), segment(&self.row_id))
    }
}

impl std::str::FromStr for RowName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('/').map(|part| percent_decode_str(part).decode_utf8().map_err(|_| ()));
        let (Some(environment), Some(source), Some(row_id), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(());
        };
        Ok(Self { environment: environment_of(&environment?).ok_or(())?, source: source?.into_owned(), row_id: row_id?.into_owned() })
    }
}

/// `live` or `test`.
pub(crate) fn environment_of(word: &str) -> Option<Environment> {
    [Environment::Live, Environment::Test].into_iter().find(|environment| environment.as_str() == word)
}

/// The environment that a page shows: the one that was asked for; else live, unless only test has rows, as after trying out.
pub(crate) async fn shown_environment(store: &Store, account: AccountId, asked: &str) -> Result<Environment, StoreError> {
    if let Some(environment) = environment_of(asked) {
        return Ok(environment);
    }
    let has_rows = async |environment| store.has_rows(account, environment).await;
    Ok(if !has_rows(Environment::Live).await? && has_rows(Environment::Test).await? { Environment::Test } else { Environment::Live })
}

/// A job's page, below the account's.
pub(crate) fn job(job: JobId) -> String {
    format!("/jobs/{job}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_row_id_comes_back_from_its_path() {
        for row_id in ["a", "a/b", "ü/行", "..", ".", "%2F", "a b+c&d=e?f#g", "<script>"] {
            let name = RowName { environment: Environment::Live, source: "csv".to_owned(), row_id: row_id.to_owned() };
            assert_eq!(name.to_string().parse(), Ok(name.clone()), "{name}");
            assert_eq!(name.path().matches('/').count(), 4);
            assert!(!name.path().contains("/../") && !name.path().ends_with(".."));
        }
        assert_eq!("live/csv".parse::<RowName>(), Err(()));
        assert_eq!("prod/csv/a".parse::<RowName>(), Err(()));
    }
}
