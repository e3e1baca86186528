//! What the page of each problem code says.

use protocol::ProblemCode;

use super::Help;

/// The help for one code.
pub(super) fn help(code: ProblemCode) -> Help {
    match code {
        ProblemCode::MalformedJson => Help {
            happened: "The signature was right, and the body is not one well-formed JSON object. Nothing was stored.",
            causes: &[
                "The body was put together from pieces of text instead of by a JSON library.",
                "A member stands twice in one object; which of them was meant cannot be known.",
                "It is an array, or nested deeper than 16 levels.",
            ],
            steps: &[
                "Let a JSON library write the body, and sign exactly the bytes that it wrote.",
                "Look at `detail`: it names the place.",
            ],
        },
        ProblemCode::InvalidParameter => Help {
            happened: "A parameter of the query is unknown, stands twice, or is off its form.",
            causes: &[
                "A misspelt name: parameters that are not known are refused, not passed over.",
                "A number beyond its bounds, or a cursor that was changed.",
            ],
            steps: &[
                "Correct the parameter that `parameter` names; the API reference lists what each endpoint takes.",
                "Take cursors from `nextCursor` as they are.",
            ],
        },
        ProblemCode::MissingHeader => Help {
            happened: "A header that every signed request has is not there, so the request was not looked at any further.",
            causes: &["The request is not signed at all.", "A proxy on the way removes headers that it does not know."],
            steps: &[
                "Send all of them, each exactly once; `header` names the one that is missing.",
                "Run `link-peeler sign` for an example that is complete.",
            ],
        },
        ProblemCode::MalformedHeader => Help {
            happened: "A header of the signature stands twice or is not of its form.",
            causes: &[
                "The timestamp is in milliseconds or has a fraction: whole seconds since 1970 are meant.",
                "The nonce has a character other than letters, digits, `_` and `-`, or fewer than 16 of them.",
                "The signature is in base64: 64 hexadecimal digits are meant.",
            ],
            steps: &[
                "Correct the header that `header` names; `detail` says what is expected.",
                "Compare with the recipes in the documentation of the protocol.",
            ],
        },
        ProblemCode::InvalidCredentials => Help {
            happened: "Nobody has this key, or it was revoked, or the signature is not that of its secret over what arrived. Which of these is not told.",
            causes: &[
                "The body was changed after it was signed: written a second time, in another order, with other spaces or another encoding.",
                "The parts were joined differently: `POST /api/links/fetch` is signed over `timestamp.nonce.body`, everything else with method and path.",
                "The secret was cut, has a line break at its end, or is taken without its prefix `lps_`.",
                "The key was revoked, or belongs to another relay.",
            ],
            steps: &[
                "Compare `bodyBytes` and `bodySha256` with the bytes that you signed: if they differ, something changed the body on the way.",
                "Compare `base` with how you joined the parts.",
                "Give the same request to `link-peeler sign --check`, which names the usual mistakes.",
                "Desktops: compare `targetUri` with the URL that was signed, and the relay's `--public-url`.",
            ],
        },
        ProblemCode::StaleTimestamp => Help {
            happened: "The signature is right, but its time is too far from the relay's clock, or so old that nobody knows whether its nonce was used.",
            causes: &[
                "The clock of the sending machine is off.",
                "The request waited for minutes between signing and sending.",
                "It was sent a second time, as it was, long after.",
            ],
            steps: &[
                "Set the clock (NTP); `serverTime` is the relay's.",
                "Sign right before sending, and sign each retry anew under the same idempotency key.",
            ],
        },
        ProblemCode::PlanRequired => Help {
            happened: "The account's plan has no signed requests.",
            causes: &["The account is on a plan without API Links, such as `free`."],
            steps: &["Ask whoever runs the relay for another plan."],
        },
        ProblemCode::AccessDenied => Help {
            happened: "An operator has said no to linking this desktop.",
            causes: &["The code was denied on purpose, or by mistake for another one."],
            steps: &["Ask the operator; start linking again for a new code."],
        },
        ProblemCode::NotFound => Help {
            happened: "There is nothing at this address, or nothing that belongs to the account that asked. The two look alike on purpose.",
            causes: &[
                "A wrong path, or one slash too many.",
                "The id belongs to the other environment (live or test) or to another account.",
                "The job is older than what the relay keeps.",
            ],
            steps: &["Compare the path with the API reference.", "Use a key of the environment and account in which the job was made."],
        },
        ProblemCode::MethodNotAllowed => Help {
            happened: "The path is right and the method is not.",
            causes: &["A GET where a POST is meant, often after a redirect of a proxy from http to https."],
            steps: &["Use a method that the header `Allow` names.", "Call the https URL itself instead of being redirected to it."],
        },
        ProblemCode::RequestTimeout => Help {
            happened: "The body did not arrive whole within ten seconds. Nothing was stored.",
            causes: &["`Content-Length` announces more than what is sent.", "A very slow or broken connection."],
            steps: &["Send it again, signed anew, on a new connection.", "Let the HTTP library count the body's length."],
        },
        ProblemCode::NonceReused => Help {
            happened: "This key has used this nonce before, within the time in which it counts. The request was not admitted again.",
            causes: &[
                "A retry sent the same signed bytes a second time.",
                "The nonce is not random: a counter that starts over, or the time in seconds.",
                "Somebody has recorded a request and plays it back.",
            ],
            steps: &[
                "For each request make a nonce of at least 16 random characters, and sign with it.",
                "Keep the idempotency key: the retry then gets the job that the first try made.",
            ],
        },
        ProblemCode::AlreadyConcluded => Help {
            happened: "The job has ended with a conclusion, and what has ended cannot be cancelled.",
            causes: &["It ended between the moment when it was looked at and the cancellation."],
            steps: &["Read the job: its result is there."],
        },
        ProblemCode::KeyExists => Help {
            happened: "A key with this id exists already, with another secret.",
            causes: &["The same id was made twice, for example from a backup of a desktop's data."],
            steps: &["Make a new key; ids are random and do not meet by chance."],
        },
        ProblemCode::ExpiredToken => Help {
            happened: "The linking code has run out, was used, or is not known to this relay.",
            causes: &[
                "Nobody approved it within ten minutes.",
                "The relay was started again meanwhile, or another relay behind the same name answered.",
            ],
            steps: &["Start linking again, and approve the new code."],
        },
        ProblemCode::BodyTooLarge => Help {
            happened: "The body has more bytes than this endpoint takes. Nothing of it was read any further.",
            causes: &["More than one job in a body that is for one.", "A batch of more than 1 MiB."],
            steps: &["Send several smaller requests; `detail` says how much fits."],
        },
        ProblemCode::UnsupportedMediaType => Help {
            happened: "The body is not declared as JSON.",
            causes: &["The header Content-Type is missing, stands twice, or is that of a form."],
            steps: &["Send `Content-Type: application/json`, once."],
        },
        ProblemCode::InvalidPayload => Help {
            happened: "The body is JSON, but not of the shape that is asked for. Nothing was stored.",
            causes: &[
                "A member is misspelt: those that are not known are refused, so that no wish is silently dropped.",
                "A tracking URL with an unreplaced `{macro}`, without scheme, or with a user name.",
            ],
            steps: &["Correct every member that `errors` names, by its JSON pointer: all faults are named at once."],
        },
        ProblemCode::IdempotencyMismatch => Help {
            happened: "This idempotency key has made a job from another payload. Nothing was changed.",
            causes: &["One key is used for two different links.", "A payload holds something that changes with each try, such as a time."],
            steps: &[
                "Use a new idempotency key for a new job.",
                "For the job that was made, send the first payload again; `jobId` names it.",
            ],
        },
        ProblemCode::AuthorizationPending => Help {
            happened: "No operator has approved the linking code yet.",
            causes: &["This is the usual answer until somebody does."],
            steps: &[
                "Approve the code, in the console or with `link-peeler link approve` on the relay's machine.",
                "Poll again after the interval.",
            ],
        },
        ProblemCode::RateLimited => Help {
            happened: "Too many requests a second: of one key, or of one address that proves nothing. Nothing was stored.",
            causes: &[
                "`violated-policies` says `burst`: the key sends more than its plan allows in a second.",
                "It says `address`: requests from there have wrong signatures, 100 and more of them a second.",
                "All callers seem to come from one address, since the relay was not told of the proxy before it.",
            ],
            steps: &[
                "Wait for the seconds in `Retry-After`, and go on more slowly.",
                "Send many links in one batch.",
                "For `address`, find the program whose requests are refused, and mend its signature.",
            ],
        },
        ProblemCode::InsufficientScope => Help {
            happened: "The key is right, and it was made for other things: it lacks the scope that this endpoint needs.",
            causes: &["A key that may only submit is used to read, or the other way round."],
            steps: &[
                "Use a key that has the scope in `needed`; `scopes` are those that this one has.",
                "Make one on a desktop: scopes of a key do not change.",
            ],
        },
        ProblemCode::KeyChanged => Help {
            happened: "The key was rotated or revoked by somebody else since it was last looked at. Nothing was changed.",
            causes: &["Two desktops rotate the same key at the same time.", "The key was revoked meanwhile."],
            steps: &["List the keys, and decide again."],
        },
        ProblemCode::TooManyKeys => Help {
            happened: "The account has had as many keys as it may have, revoked ones included.",
            causes: &["A script makes a key for each run."],
            steps: &["Rotate a key instead of making a new one."],
        },
        ProblemCode::PlanFull => Help {
            happened: "The account's plan has room for as many API keys, or desktops, as are there already. Nothing was changed.",
            causes: &["Keys or desktops that nobody uses any more were never revoked.", "The account was given a smaller plan."],
            steps: &["Revoke one that is not needed: it takes no room from then on.", "Ask whoever runs the relay for another plan."],
        },
        ProblemCode::TooManyStreams => Help {
            happened: "This key listens to as many event streams as it may, or to more than the account has room for.",
            causes: &["Each run of a script opens a stream and leaves it open.", "Streams that were cut off are not noticed at once."],
            steps: &[
                "Close a stream that is not needed, or let several readers share one; `limit` says how many there may be.",
                "Come back with `Last-Event-ID`: nothing is missed meanwhile.",
            ],
        },
        ProblemCode::TooManyPulls => Help {
            happened: "This desktop has as many pulls open as it may. Nothing was leased, and no result was taken in.",
            causes: &[
                "Two programs run with the key of the same desktop.",
                "The network was cut again and again: pulls that it left behind are open until their time is over.",
            ],
            steps: &["Wait until one is answered, 50 s at most, and keep one open at a time."],
        },
        ProblemCode::SlowDown => Help {
            happened: "The desktop polls for its link faster than it was told.",
            causes: &["Two programs poll with the same code.", "The interval in the answer is not kept."],
            steps: &["Wait for the seconds in `interval` between two polls."],
        },
        ProblemCode::QuotaExceeded => Help {
            happened: "The account's fetches of this calendar month (UTC) are used up. Replays stay free.",
            causes: &[
                "More links were checked than the plan has fetches.",
                "Each retry uses a new idempotency key, and so makes a new job.",
            ],
            steps: &["Wait until `renewsAt`, or ask for another plan.", "Keep the idempotency key when a request is tried again."],
        },
        ProblemCode::BacklogFull => Help {
            happened: "As many jobs wait as the plan allows at once.",
            causes: &["No desktop is linked, or none is running.", "Jobs come faster than the desktops resolve them."],
            steps: &[
                "See whether a desktop runs, and link another one if they are busy.",
                "Send again after the seconds in `Retry-After`.",
            ],
        },
        ProblemCode::Internal => Help {
            happened: "The relay failed. What was asked for may have happened all the same.",
            causes: &["A fault of the relay or of its database; the log has the cause."],
            steps: &[
                "Send the same again, signed anew, under the same idempotency key: it is made once.",
                "Tell whoever runs the relay the `requestId`.",
            ],
        },
        ProblemCode::Overloaded => Help {
            happened: "The relay is at its capacity, or shuts down. Nothing was stored.",
            causes: &[
                "More requests at once than its database takes in.",
                "The database does not answer at the moment, or its disk is full.",
            ],
            steps: &["Send the same again, signed anew, after the seconds in `Retry-After`; wait longer after each try."],
        },
        ProblemCode::OutcomeUnknown => Help {
            happened: "The database did not say whether it has committed: the job may have been made or not.",
            causes: &["The connection to the database broke at that moment, for example at a failover."],
            steps: &[
                "Send the same again, signed anew, under the same idempotency key: the answer settles it, and nothing is counted twice.",
            ],
        },
    }
}
