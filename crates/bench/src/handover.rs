//! From a caller's POST to the desktop that waited for it: how long until a job that was just sent is in a pull's answer.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::caller::Caller;
use crate::device::{self, Device};
use crate::http1::Connection;
use crate::latency::{Latencies, Percentiles};

/// Jobs handed over before measuring begins: connections, caches and statements are warm then.
const WARM_UP: usize = 50;
/// How long a pull is given to reach the relay and wait there before its job is sent.
const HEAD_START: Duration = Duration::from_millis(4);

/// Hands over so many jobs one after another, each to a pull that waits already.
pub(crate) fn measure(mut caller: Caller, device: &Device, jobs: usize) -> anyhow::Result<Percentiles> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut submitting = Connection::open(caller.address).await?;
        let mut pulling = Connection::open(caller.address).await?;
        let mut latencies = Latencies::default();
        for number in 0..WARM_UP + jobs {
            let pull = device.pull_request(1, 30)?;
            let submit = caller.next_request();
            let handed_over = async {
                let got = device::pull(&mut pulling, &pull).await?;
                anyhow::Ok((Instant::now(), got))
            };
            let submitted = async {
                tokio::time::sleep(HEAD_START).await;
                let at = Instant::now();
                let answer = submitting.exchange(&submit).await?;
                if answer.status != 202 {
                    bail!("expected status 202, got {}: {}", answer.status, String::from_utf8_lossy(answer.body));
                }
                Ok(at)
            };
            let ((arrived, got), sent) = tokio::try_join!(handed_over, submitted)?;
            let [job] = got.as_slice() else { bail!("a waiting pull was answered with {} jobs", got.len()) };
            if number >= WARM_UP {
                latencies.record(arrived.duration_since(sent));
            }
            // On its own: a pull that carries results is answered at once, and would not wait.
            device::report(&mut pulling, &device.report_request(vec![device::landed(job)])?).await?;
        }
        Ok(latencies.percentiles())
    })
}
