//! Links that lead to a neighbour in this machine's own network, at a public address: the tracker knows the network from
//! the visit itself, and the router's firewall does not stand between neighbours.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use resolver::Settings;
use resolver::guard::{Answer, InterfaceAddress, Interfaces, Names};
use tokio::io::AsyncWriteExt as _;

use crate::server::{read_request, start};
use crate::{HOP, resolve_within, settings};

/// A machine in 2a02:db::/64 and 93.184.215.0/24.
struct AtHome;

impl Interfaces for AtHome {
    fn addresses(&self) -> io::Result<Vec<InterfaceAddress>> {
        let own = |address: &str, prefix| InterfaceAddress { address: address.parse().unwrap(), prefix };
        Ok(vec![own("2a02:db::10", 64), own("93.184.215.14", 24)])
    }
}

/// `router.example` is the router.
struct RouterNames;

impl Names for RouterNames {
    fn addresses<'a>(&'a self, _name: &'a str) -> Answer<'a> {
        Box::pin(std::future::ready(Ok(vec!["8.8.8.8".parse::<IpAddr>().unwrap(), "2a02:db::1".parse().unwrap()])))
    }
}

fn at_home(tracker: SocketAddr) -> Settings {
    Settings { interfaces: Arc::new(AtHome), names: Arc::new(RouterNames), ..settings(tracker) }
}

#[tokio::test]
async fn a_link_to_a_neighbour_is_refused_by_literal_name_and_redirect() {
    for target in ["http://[2a02:db::1]:8080/", "http://93.184.215.1/", "http://[::ffff:93.184.215.1]/", "http://router.example/"] {
        let tracker = start(move |mut stream| async move {
            read_request(&mut stream).await;
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        })
        .await;
        for (url, failing_hop) in [(target, 0), ("http://tracker.test/", 1)] {
            let result = resolve_within(at_home(tracker), url, HOP, 2).await;
            assert_eq!(result.conclusion.code(), "target_refused", "{url} to {target}: {}", result.detail);
            assert!(result.detail.contains("a network that this machine is in"), "{}", result.detail);
            assert_eq!(result.failing_hop, Some(failing_hop), "{url} to {target}");
            assert!(result.hops.last().is_none_or(|hop| hop.remote_addr.is_none()), "nothing is dialled");
        }
    }
}
