//! What a peer may do to a relay over one HTTP/2 connection: each of these ends that connection or one request of it, and
//! nobody else notices.

use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, HEADERS, INITIAL_WINDOW, PING, REFUSED_STREAM,
    RST_STREAM, Raw, SETTINGS, frame, head, setting,
};
use crate::stage::Stage;

/// Reset as cancelled.
const CANCEL: [u8; 4] = 8_u32.to_be_bytes();

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &head(false, "/healthz"))
}

/// Odd numbers are clients' streams.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

async fn serves(stage: &Stage) {
    assert_eq!(stage.send(&stage.fetch(&format!("afterwards-{}", stage.count()))).await.status, 202);
}

#[tokio::test]
async fn a_request_is_answered() {
    let stage = Stage::new().await;
    let mut raw = Raw::open(stage.address()).await;
    raw.write(&get(1)).await.unwrap();
    assert_eq!(raw.next_of(HEADERS).await.unwrap().stream, 1);
    assert_eq!(raw.next_of(DATA).await.unwrap().payload, b"ok\n");
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let stage = Stage::new().await;
    let mut raw = Raw::open(stage.address()).await;
    let flood: Vec<u8> = streams(2_000).flat_map(|stream| [get(stream), frame(RST_STREAM, 0, stream, &CANCEL)].concat()).collect();
    let _ = raw.write(&flood).await;
    assert_eq!(raw.reason_of_end().await, Some(ENHANCE_YOUR_CALM));
    serves(&stage).await;
}

#[tokio::test]
async fn headers_without_end_end_the_connection() {
    let stage = Stage::new().await;
    let mut raw = Raw::open(stage.address()).await;
    let mut flood = frame(HEADERS, END_STREAM, 1, &head(false, "/healthz"));
    // One header of 4,000 bytes a frame (RFC 7541, section 6.2.2: a literal with a new name), and never the last one.
    let value = vec![b'a'; 4_000];
    let block = [&[0x00, 1, b'x', 0x7f, 0xa1, 0x1e], value.as_slice()].concat();
    for _ in 0..1_000 {
        flood.extend(frame(CONTINUATION, 0, 1, &block));
    }
    let _ = raw.write(&flood).await;
    raw.reason_of_end().await;
    serves(&stage).await;
}

#[tokio::test]
async fn a_head_beyond_its_bound_is_refused_and_the_connection_goes_on() {
    let stage = Stage::new().await;
    let mut raw = Raw::open(stage.address()).await;
    let value = vec![b'a'; 12_000];
    let literal = [&[0x00, 1, b'x', 0x7f, 0xe1, 0x5c], value.as_slice()].concat();
    let mut bytes = frame(HEADERS, END_STREAM, 1, &head(false, "/healthz"));
    for number in 0..4 {
        bytes.extend(frame(CONTINUATION, if number == 3 { END_HEADERS } else { 0 }, 1, &literal));
    }
    raw.write(&[bytes, get(3)].concat()).await.unwrap();
    let mut answered = Vec::new();
    while let Some(frame) = raw.next().await {
        match frame.kind {
            DATA => assert_eq!(frame.stream, 3, "the first is not answered by a handler"),
            HEADERS | RST_STREAM => answered.push(frame.stream),
            _ => {}
        }
        if frame.kind == DATA && frame.flags & END_STREAM != 0 {
            break;
        }
    }
    answered.sort_unstable();
    answered.dedup();
    assert_eq!(answered, [1, 3]);
}

#[tokio::test]
async fn more_requests_at_once_than_may_be_are_refused_each_for_itself() {
    let stage = Stage::new().await;
    let mut raw = Raw::open(stage.address()).await;
    // None of them ends, so all of them are open.
    let open: Vec<u8> = streams(300).flat_map(|stream| frame(HEADERS, END_HEADERS, stream, &head(true, "/api/device/link"))).collect();
    raw.write(&open).await.unwrap();
    let mut refused = 0;
    while refused < 300 - 256 {
        let reset = raw.next_of(RST_STREAM).await.unwrap();
        assert_eq!(reset.reason(), REFUSED_STREAM);
        refused += 1;
    }
    serves(&stage).await;
}

#[tokio::test]
async fn more_bytes_than_the_window_has_are_an_error() {
    let stage = Stage::new().await;
    let mut raw = Raw::open(stage.address()).await;
    // A body that nobody reads before its signature holds: what is sent ahead stays within the window.
    let mut bytes = frame(HEADERS, END_HEADERS, 1, &head(true, "/api/device/report"));
    for _ in 0..40 {
        bytes.extend(frame(DATA, 0, 1, &[b' '; 16_384]));
    }
    let _ = raw.write(&bytes).await;
    let mut reasons = Vec::new();
    while let Some(frame) = raw.next().await {
        match frame.kind {
            RST_STREAM => reasons.push(frame.reason()),
            crate::frames::GOAWAY => reasons.push(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap())),
            _ => {}
        }
        if reasons.contains(&FLOW_CONTROL_ERROR) {
            break;
        }
    }
    assert!(reasons.contains(&FLOW_CONTROL_ERROR), "{reasons:?}");
    serves(&stage).await;
}

#[tokio::test]
async fn whoever_reads_no_answer_holds_up_nobody_else() {
    let stage = Stage::new().await;
    let mut deaf = Raw::open_with(stage.address(), &setting(INITIAL_WINDOW, 0)).await;
    for part in streams(20_000).collect::<Vec<_>>().chunks(250) {
        let bytes: Vec<u8> =
            part.iter().flat_map(|stream| frame(HEADERS, END_HEADERS | END_STREAM, *stream, &head(false, "/problems/internal"))).collect();
        if deaf.write(&bytes).await.is_err() {
            break;
        }
    }
    serves(&stage).await;
}

#[tokio::test]
async fn whoever_never_reads_an_answer_is_hung_up_on() {
    for path in ["/healthz", "/openapi.json"] {
        let stage = Stage::new().await;
        let mut deaf = Raw::open_with(stage.address(), &setting(INITIAL_WINDOW, 0)).await;
        deaf.write(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head(false, path))).await.unwrap();
        assert_eq!(deaf.next_of(HEADERS).await.unwrap().stream, 1, "it is answered");
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        while let Some(frame) = deaf.next_within(std::time::Duration::from_secs(300)).await {
            // It lives, and says so.
            if frame.kind == PING && frame.flags == 0 {
                let _ = deaf.write(&crate::frames::frame(PING, 1, 0, &frame.payload)).await;
            }
            assert_ne!(frame.kind, DATA, "the window is closed");
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(90), "{path}: {:?}", began.elapsed());
        tokio::time::resume();
        serves(&stage).await;
    }
}

#[tokio::test]
async fn pings_and_settings_without_end_hold_up_nobody_else() {
    let stage = Stage::new().await;
    let mut chatty = Raw::open(stage.address()).await;
    let flood: Vec<u8> = (0..20_000).flat_map(|_| [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])].concat()).collect();
    // What is not read fills up the way back, and then the relay reads no more: that is its defence.
    let flooding = tokio::time::timeout(std::time::Duration::from_secs(2), chatty.write(&flood));
    let (_, ()) = tokio::join!(flooding, serves(&stage));
    serves(&stage).await;
}
