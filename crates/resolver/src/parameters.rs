//! What became of each query parameter along a chain: where it came in, where its value changed, where it was lost.

use std::collections::HashMap;

use protocol::Hop;
use protocol::result::{MAX_PARAMETERS, ParameterTrace};
use protocol::text::is_plain_character;
use url::Url;

/// Bytes of a parameter's name that the evidence keeps.
const MAX_NAME_BYTES: usize = 256;

/// The way of each parameter, in the order in which they came in. A parameter that comes back after it was lost is
/// traced from its return; of equal names the first counts.
pub(crate) fn trace(hops: &[Hop]) -> Vec<ParameterTrace> {
    let mut traces: Vec<ParameterTrace> = Vec::new();
    let mut values: HashMap<String, (usize, String)> = HashMap::new();
    for hop in hops {
        if values.is_empty() && !hop.url.contains('?') {
            continue;
        }
        let Ok(url) = Url::parse(&hop.url) else { continue };
        let mut present: HashMap<String, (usize, String)> = HashMap::new();
        for (name, value) in url.query_pairs() {
            let name = shortened(&name);
            if name.is_empty() || present.contains_key(&name) {
                continue;
            }
            let index = match values.remove(&name) {
                Some((index, before)) => {
                    if before != value {
                        traces[index].changed_at.push(hop.index);
                    }
                    index
                }
                None if traces.len() < MAX_PARAMETERS => {
                    traces.push(ParameterTrace { name: name.clone(), added_at: hop.index, ..ParameterTrace::default() });
                    traces.len() - 1
                }
                None => continue,
            };
            present.insert(name, (index, value.into_owned()));
        }
        for (index, _) in values.into_values() {
            traces[index].dropped_at = Some(hop.index);
        }
        values = present;
    }
    traces
}

fn shortened(name: &str) -> String {
    let clean: String = name.chars().filter(|character| is_plain_character(*character)).collect();
    clean[..clean.floor_char_boundary(MAX_NAME_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_followed_from_where_it_comes_in_to_where_it_is_lost() {
        let urls = [
            "http://t.test/?click=1&sub=n",
            "http://t.test/?click=1&sub=n&s=7&s=8",
            "http://shop.test/?sub=N&s=7",
            "http://shop.test/?sub=N&click=1",
        ];
        let hops: Vec<Hop> = (0..).zip(urls).map(|(index, url)| Hop { index, url: url.to_owned(), ..Hop::default() }).collect();
        let told: Vec<String> = trace(&hops)
            .iter()
            .map(|trace| format!("{} +{} ~{:?} -{:?}", trace.name, trace.added_at, trace.changed_at, trace.dropped_at))
            .collect();
        assert_eq!(told, ["click +0 ~[] -Some(2)", "sub +0 ~[2] -None", "s +1 ~[] -Some(3)", "click +3 ~[] -None"]);
    }

    #[test]
    fn there_is_a_bound() {
        let query: String = (0..10_000).map(|n| format!("p{n}=1&")).collect();
        let hops = [Hop { url: format!("http://t.test/?{query}"), ..Hop::default() }];
        assert_eq!(trace(&hops).len(), MAX_PARAMETERS);
    }
}
