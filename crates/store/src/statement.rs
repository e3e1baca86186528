//! Every SQL statement of the project, by name. The texts lie in `sql/`, one file a statement; where the two databases
//! must differ, the two files lie side by side.

#[cfg(test)]
mod scope;

use std::sync::OnceLock;

/// One statement in both dialects. Placeholders are `$1`, `$2`, … in both.
#[derive(Debug)]
pub(crate) struct Statement {
    /// What logs and tests call it.
    pub(crate) name: &'static str,
    sqlite: &'static str,
    sqlite_numbered: OnceLock<String>,
    postgres: &'static str,
}

impl Statement {
    pub(crate) const fn new(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        Self { name, sqlite, sqlite_numbered: OnceLock::new(), postgres }
    }

    /// The text for PostgreSQL.
    pub(crate) const fn postgres(&self) -> &'static str {
        self.postgres
    }

    /// The text for SQLite. There `$1` is a *name* and numbered by its first appearance; `?1` is what `$1` is elsewhere.
    pub(crate) fn sqlite(&self) -> &str {
        self.sqlite_numbered.get_or_init(|| self.sqlite.replace('$', "?"))
    }
}

/// `shared`: one text for both databases. `twin`: a text each. `nonces`: eight statements, one a slot of the ring.
macro_rules! statements {
    ($($kind:ident $name:ident = $path:literal;)*) => {
        $(statements!(@one $kind $name $path);)*

        /// Every statement, for the tests that prepare and plan them all.
        #[cfg(test)]
        pub(crate) fn all() -> Vec<&'static Statement> {
            vec![$(&$name),*]
        }
    };
    (@one shared $name:ident $path:literal) => {
        pub(crate) static $name: Statement =
            Statement::new($path, include_str!(concat!("../sql/", $path, ".sql")), include_str!(concat!("../sql/", $path, ".sql")));
    };
    (@one twin $name:ident $path:literal) => {
        pub(crate) static $name: Statement =
            Statement::new($path, include_str!(concat!("../sql/", $path, ".sqlite.sql")), include_str!(concat!("../sql/", $path, ".postgres.sql")));
    };
}

statements! {
    shared INSERT_ACCOUNT = "accounts/insert_account";
    shared ACCOUNT_BY_NAME = "accounts/account_by_name";
    shared SET_PLAN = "accounts/set_plan";
    shared ACCOUNT_SETTING = "accounts/setting";
    shared DROP_SETTING = "accounts/drop_setting";
    shared SET_ACCOUNT_SETTING = "accounts/set_setting";
    shared ACCOUNT_SETTINGS = "accounts/settings";
    shared PLAN_NAME = "accounts/plan_name";
    twin PLAN_OF = "accounts/plan_of";
    twin LOCK_ACCOUNT = "accounts/lock_account";
    shared ACCOUNT = "accounts/account";
    shared ACCOUNTS = "accounts/accounts";
    twin BACKLOG_OF = "accounts/backlog_of";

    twin FIND_EARLIER = "admission/find_earlier";
    twin USAGE_OF = "admission/usage_of";
    twin ADD_USAGE = "admission/add_usage";
    twin ADD_BACKLOG = "admission/add_backlog";
    twin INSERT_JOB = "admission/insert_job";
    twin INSERT_IDEMPOTENCY = "admission/insert_idempotency";
    twin INSERT_READY = "admission/insert_ready";
    twin UPSERT_ROW = "admission/upsert_row";
    twin SKIPPED_ROW = "admission/skipped_row";

    twin MOVE_AUDIT_HEAD = "audit/move_head";
    twin ADD_AUDIT_BLOCK = "audit/add_block";
    shared AUDIT_HEAD = "audit/head";
    shared AUDIT_BLOCKS_AFTER = "audit/blocks_after";
    shared AUDIT_BLOCKS_BEFORE = "audit/blocks_before";
    shared AUDIT_OLDEST_BLOCKS = "audit/oldest_blocks";
    shared MOVE_AUDIT_ANCHOR = "audit/move_anchor";
    shared DROP_AUDIT_BLOCKS = "audit/drop_blocks";

    twin NONCE_SLICE = "nonces/slice";
    shared TURN_NONCE_SLOT = "nonces/turn_slot";

    twin EXTEND_LEASE = "lease/extend_lease";
    twin LEASED_BY_POLL = "lease/leased_by_poll";
    twin TAKE_READY = "lease/take_ready";
    twin INSERT_LEASED = "lease/insert_leased";
    twin RELEASE_LEASE = "lease/release_lease";
    shared RELEASE_DEVICE = "lease/release_device";

    twin END_LEASE = "report/end_lease";
    twin JOB_TO_CONCLUDE = "report/job_to_conclude";
    twin CONCLUDE_JOB = "report/conclude_job";
    twin INSERT_RESULT = "report/insert_result";
    twin CONCLUDE_ROW = "report/conclude_row";
    twin HOW_ENDED = "report/how_ended";

    twin JOB_TO_CANCEL = "cancel/job_to_cancel";
    shared DROP_READY = "cancel/drop_ready";
    shared DROP_DELAYED = "cancel/drop_delayed";
    shared DROP_LEASED = "cancel/drop_leased";

    twin TAKE_ENDED_LEASES = "upkeep/take_ended_leases";
    twin TAKE_DUE = "upkeep/take_due";
    twin TAKE_EXPIRED = "upkeep/take_expired";
    twin INSERT_DELAYED = "upkeep/insert_delayed";
    shared DROP_OLD_LINKS = "upkeep/drop_old_links";
    shared DROP_OLD_WANTED_LINKS = "upkeep/drop_old_wanted_links";

    twin MAY_PRUNE = "upkeep/may_prune";
    shared ACCOUNTS_TO_PRUNE = "upkeep/accounts_to_prune";
    shared JOBS_TO_PRUNE = "upkeep/jobs_to_prune";
    twin FORGET_KEY = "upkeep/forget_key";
    twin DROP_RESULT = "upkeep/drop_result";
    twin DROP_JOB = "upkeep/drop_job";
    shared DROP_OLD_USAGE = "upkeep/drop_old_usage";
    shared NOTE_PRUNED = "upkeep/note_pruned";

    twin COUNT_HOURS = "hours/count";
    shared CONCLUDED_HOURS = "hours/since";
    shared DROP_OLD_HOURS = "hours/drop_old";
    shared NOTE_PRESENCE = "presence/note";
    shared PRESENCE = "presence/of_account";
    shared HELD_LEASES = "presence/leases";
    shared RENAME_DEVICE = "devices/rename_device";
    shared QUEUE_HEAD = "rows/queue_head";
    shared ROWS_FOUND = "rows/found";
    shared ROWS_FOUND_BACK = "rows/found_back";
    twin ROWS_BY_CLASS = "rows/by_class";
    shared ROWS_BY_CHANGE = "rows/by_change";
    shared ROWS_SKIPPED = "rows/skipped";
    shared COUNT_CLASS = "rows/count_class";
    shared COUNT_CHANGED = "rows/count_changed";
    shared ANY_ROWS = "rows/any";
    shared NAME_OFFER = "rows/name_offer";
    shared EXPECT_OF_JOB = "rows/expect_of_job";
    shared NEXT_SOURCE = "rows/next_source";

    twin JOB = "jobs/job";
    twin RESULT = "jobs/result";
    shared JOB_PAGE = "jobs/page";
    twin JOB_PAGE_OF_ROW = "jobs/page_of_row";
    shared ROW = "rows/row";
    shared ROW_PAGE = "rows/page";
    twin LOCK_ROW = "rows/lock_row";
    shared SET_EXPECTED_DOMAIN = "rows/set_expected_domain";
    shared SET_EXPECTATION = "rows/set_expectation";
    shared SKIP_ROW = "rows/skip_row";
    shared UNSKIP_ROW = "rows/unskip_row";
    shared OPEN_JOBS_OF_ROW = "rows/open_jobs_of_row";
    shared RECHECK = "rows/recheck";

    shared INSERT_KEY = "keys/insert_key";
    shared ALL_KEYS = "keys/all_keys";
    shared KEYS_OF_ACCOUNT = "keys/keys_of_account";
    shared KEY_OF_ACCOUNT = "keys/key_of_account";
    shared COUNT_KEYS = "keys/count_keys";
    shared COUNT_LIVE_KEYS = "keys/count_live_keys";
    shared REVOKE_KEY = "keys/revoke_key";
    shared RENAME_KEY = "keys/rename_key";
    shared ROTATE_KEY = "keys/rotate_key";
    twin NOTE_USED = "keys/note_used";
    shared DROP_PREVIOUS = "keys/drop_previous";
    shared TURN_INVENTORY = "keys/turn_inventory";
    shared INVENTORY_VERSION = "keys/inventory_version";
    shared INVENTORY_VERSIONS = "keys/inventory_versions";

    shared CURRENT_GENERATION = "sealing/current";
    shared GENERATIONS = "sealing/generations";
    shared ADD_GENERATION = "sealing/add_generation";

    shared INSERT_DEVICE = "devices/insert_device";
    shared DEVICE = "devices/device";
    shared ALL_DEVICES = "devices/all_devices";
    shared DEVICES_OF_ACCOUNT = "devices/devices_of_account";
    shared REVOKE_DEVICE = "devices/revoke_device";
    twin LINKED_DEVICE = "devices/linked_device";
    twin HOLD_DEVICE = "devices/hold_device";
    shared COUNT_DEVICES = "devices/count_devices";
    shared INSERT_LINK = "devices/insert_link";
    shared LINK = "devices/link";
    shared CONSUME_LINK = "devices/consume_link";
    shared LINK_STANDING = "devices/link_standing";
    shared WANT_LINK = "devices/want_link";
    shared TELL_LINK = "devices/tell_link";
    shared WANTED_LINK = "devices/wanted_link";

    shared COUNT_INVITATIONS = "people/count_invitations";
    shared DROP_ENDED_SESSIONS = "people/drop_ended_sessions";
    shared DROP_INVITATION = "people/drop_invitation";
    shared DROP_INVITATIONS_OF_EMAIL = "people/drop_invitations_of_email";
    shared DROP_MEMBER = "people/drop_member";
    shared DROP_OLD_FLOWS = "people/drop_old_flows";
    shared DROP_OLD_INVITATIONS = "people/drop_old_invitations";
    shared DROP_OLD_SETUP_LINKS = "people/drop_old_setup_links";
    shared DROP_SETUP_LINKS = "people/drop_setup_links";
    shared END_OLDEST_SESSIONS = "people/end_oldest_sessions";
    shared END_SESSION = "people/end_session";
    shared END_SESSION_OF_TOKEN = "people/end_session_of_token";
    shared END_SESSIONS = "people/end_sessions";
    shared IDENTITIES_OF_OPERATOR = "people/identities_of_operator";
    shared IDENTITY = "people/identity";
    shared INSERT_IDENTITY = "people/insert_identity";
    shared INSERT_INVITATION = "people/insert_invitation";
    shared INSERT_MEMBERSHIP = "people/insert_membership";
    shared INSERT_OPERATOR = "people/insert_operator";
    shared INSERT_SESSION = "people/insert_session";
    shared INSERT_SETUP_LINK = "people/insert_setup_link";
    shared INVITATION_OF_TOKEN = "people/invitation_of_token";
    shared INVITATIONS = "people/invitations";
    shared MEMBERS = "people/members";
    shared MEMBERSHIPS = "people/memberships";
    shared NOTE_SEEN = "people/note_seen";
    shared OPERATOR = "people/operator";
    shared OPERATOR_BY_EMAIL = "people/operator_by_email";
    shared OWNERS = "people/owners";
    shared RENAME_OPERATOR = "people/rename_operator";
    shared ROLE_OF = "people/role_of";
    twin HOLD_ROLE = "people/hold_role";
    twin HOLD_SESSION = "people/hold_session";
    shared SESSION = "people/session";
    shared SESSIONS_OF_OPERATOR = "people/sessions_of_operator";
    shared FORGET_PASSPHRASE = "people/forget_passphrase";
    shared SET_PASSPHRASE = "people/set_passphrase";
    shared SET_ROLE = "people/set_role";
    shared SETUP_LINK = "people/setup_link";
    shared TAKE_INVITATION = "people/take_invitation";
    shared TAKE_INVITATIONS_OF_EMAIL = "people/take_invitations_of_email";
    shared TAKE_SETUP_LINK = "people/take_setup_link";
    shared USE_FLOW = "people/use_flow";
    shared USED_FLOW = "people/used_flow";

    twin DATABASE_CLOCK = "clock/database_clock";

    shared AUDIT_ENDS = "admin/audit_ends";
    shared AUDIT_STRAYS = "admin/audit_strays";
    shared SEALED_KEYS = "admin/sealed_keys";
    shared RESEAL_KEY = "admin/reseal_key";
    shared TOTALS = "admin/totals";
    shared MOST_WAITING = "admin/most_waiting";

    shared JOB_NOWHERE = "check/job_nowhere";
    shared JOB_IN_TWO_PLACES = "check/job_in_two_places";
    shared ENDED_JOB_QUEUED = "check/ended_job_queued";
    shared QUEUED_WITHOUT_JOB = "check/queued_without_job";
    shared CONCLUDED_WITHOUT_RESULT = "check/concluded_without_result";
    shared RESULT_WITHOUT_CONCLUSION = "check/result_without_conclusion";
    shared ROW_WITHOUT_JOB = "check/row_without_job";
    shared ROW_AGAINST_JOB = "check/row_against_job";
    shared KEY_WITHOUT_JOB = "check/key_without_job";
    shared JOB_WITHOUT_KEY = "check/job_without_key";
    shared UNKNOWN_ACCOUNT = "check/unknown_account";
    shared BACKLOGS_THAT_DIFFER = "check/backlogs_that_differ";
    shared JOBS_BY_DAY = "check/jobs_by_day";
    shared USAGE_NOTED = "check/usage_noted";
    shared PRUNED_THROUGH = "check/pruned_through";
    shared HOLD_BACKLOG = "check/hold_backlog";
    shared RECOUNT_BACKLOG = "check/recount_backlog";
    shared HOLD_USAGE = "check/hold_usage";
    shared RECOUNT_USAGE = "check/recount_usage";
}

/// Tells everyone who listens; of PostgreSQL alone.
pub(crate) static NOTIFY: Statement = Statement::new("wake/notify", "", "SELECT 1::bigint FROM pg_notify($1, $2)");

/// The statements over one nonce table: a table's name cannot be a parameter.
#[derive(Debug)]
pub(crate) struct NonceStatements {
    /// Spends nonces; a row comes back for each that was not spent yet.
    pub(crate) spend: Statement,
    /// Finds a spent nonce.
    pub(crate) find: Statement,
    /// Drops them all.
    pub(crate) clear: Statement,
}

macro_rules! nonce_statements {
    ($($slot:literal),*) => {
        pub(crate) static NONCES: [NonceStatements; 8] = [$(NonceStatements {
            spend: Statement::new(
                concat!("nonces/spend_", $slot),
                concat!("INSERT INTO nonces_", $slot, " (account, hash) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
                // The same nonce twice in one batch: the first of the two is the fresh one. Put side by side instead of joined:
                // a nested loop over two batches is quadratic.
                concat!(
                    "WITH k AS MATERIALIZED (SELECT * FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS k (account, hash, n)), ",
                    "spent AS (INSERT INTO nonces_", $slot, " (account, hash) SELECT account, hash FROM k ON CONFLICT DO NOTHING RETURNING account, hash) ",
                    "SELECT min(n) - 1 FROM (SELECT account, hash, n FROM k UNION ALL SELECT account, hash, NULL FROM spent) one ",
                    "GROUP BY account, hash HAVING count(*) > count(n)"
                ),
            ),
            find: Statement::new(
                concat!("nonces/find_", $slot),
                concat!("SELECT 1 FROM nonces_", $slot, " WHERE account = $1 AND hash = $2"),
                concat!(
                    "SELECT k.n - 1 FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS k (account, hash, n) ",
                    "CROSS JOIN LATERAL (SELECT 1 FROM nonces_", $slot, " WHERE account = k.account AND hash = k.hash LIMIT 1) s"
                ),
            ),
            // Without WHERE: SQLite then drops the pages instead of visiting the rows.
            clear: Statement::new(concat!("nonces/clear_", $slot), concat!("DELETE FROM nonces_", $slot), concat!("TRUNCATE nonces_", $slot)),
        }),*];
    };
}

nonce_statements!(0, 1, 2, 3, 4, 5, 6, 7);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::postgres::Connection;
    use crate::session::{PostgresUrl, sqlite};

    fn every_statement() -> impl Iterator<Item = &'static Statement> {
        all().into_iter().chain(NONCES.iter().flat_map(|nonces| [&nonces.spend, &nonces.find, &nonces.clear]))
    }

    #[test]
    fn every_statement_prepares_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = sqlite::open(&folder.path().join("db"), false).unwrap();
        crate::migrate::sqlite(&mut connection).unwrap();
        for statement in every_statement() {
            connection.prepare(statement.sqlite()).unwrap_or_else(|error| panic!("{}: {error}", statement.name));
        }
    }

    #[tokio::test]
    async fn every_statement_prepares_on_postgres() {
        let url = PostgresUrl::parse(&testkit::postgres::new_database()).unwrap();
        let mut connection = Connection::open(&url).await.unwrap();
        crate::migrate::postgres(&mut connection).await.unwrap();
        for statement in every_statement() {
            let prepared = connection.client().prepare(statement.postgres()).await;
            prepared.unwrap_or_else(|error| panic!("{}: {error:?}", statement.name));
        }
    }
}
