//! Recorded mainnet blocks: validated natively, and fetched from a replaying node by both methods.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};
use zeno_guest_evm::{ChainClaim, StatelessInput, merge, minimize, validate};
use zeno_tests::{
    mainnet::{Recorded, recorded},
    replay::ReplayNode,
    rpc_server::{Call, Reply, RpcServer},
};
use zeno_witness_fetch::{
    BlockRun, BlockSelector, Event, FetchError, FetchOptions, Fetcher, Method, Progress,
};

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn recorded_witnesses_validate() {
    for record in recorded() {
        let input = record.input();
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let start = Instant::now();
            let claim = validate(&input).unwrap_or_else(|error| panic!("{}: {error}", record.number));
            best = best.min(start.elapsed().as_secs_f64());
            assert_eq!((claim.last_block_hash, claim.last_block_number), (record.hash, record.number));
        }
        let (smaller, claim) = minimize(&input).unwrap();
        assert_eq!(validate(&smaller).unwrap(), claim);
        println!(
            "{}: validated in {:.1} ms; {} bytes, minimal {} bytes",
            record.number,
            1e3 * best,
            input.encode().len(),
            smaller.encode().len()
        );
    }
}

/// Two blocks in one run: its witness has what both need once, and nothing that the first makes.
#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn a_run_of_recorded_blocks_validates() {
    let records = recorded();
    let [first, last] = &records[1..] else { panic!("the last two of three blocks are consecutive") };
    let (small, claims) = [first, last]
        .map(|record| minimize(&record.input()).unwrap())
        .into_iter()
        .unzip::<_, _, Vec<_>, Vec<_>>();
    let lengths = small.iter().map(|input| input.encode().len()).collect::<Vec<_>>();
    // Complete witnesses and the smallest possible ones give the same run.
    let complete = merge([first, last].map(Recorded::input)).unwrap();
    let (run, claim) = minimize(&merge(small).unwrap()).unwrap();
    assert_eq!(minimize(&complete).unwrap(), (run.clone(), claim));
    assert_eq!(validate(&run).unwrap(), claim);
    let expected = ChainClaim { first_parent_hash: claims[0].first_parent_hash, block_count: 2, ..claims[1] };
    assert_eq!(claim, expected);
    let length = run.encode().len();
    println!("run: {length} bytes, the blocks for themselves {lengths:?}");
    assert!(length < lengths.iter().sum::<usize>());
}

/// Serves a record. The calls for which `has` is false are answered as a missing method.
async fn serve(record: &Recorded, has: impl Fn(&Call) -> bool + Send + Sync + 'static) -> RpcServer {
    let node = ReplayNode::of_record(record);
    RpcServer::start(move |call| {
        if has(call) {
            node.answer(call)
        } else {
            Reply::Error(-32601, format!("the method {} does not exist", call.method))
        }
    })
    .await
}

fn progress() -> Progress {
    Arc::new(|event: Event| println!("  {event}"))
}

async fn fetch(
    server: &RpcServer,
    method: Method,
    selector: BlockSelector,
) -> Result<StatelessInput, FetchError> {
    let options = FetchOptions { method, ..FetchOptions::new(server.url()) };
    Fetcher::new(options)?.fetch(&selector, progress()).await
}

fn check(record: &Recorded, input: &StatelessInput) {
    let claim = validate(input).unwrap();
    assert_eq!((claim.last_block_hash, claim.last_block_number), (record.hash, record.number));
    assert_eq!(input.blocks[0], record.raw_block);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
async fn fetched_by_execution_witness() {
    for record in recorded() {
        // Clients differ in the variants of the method that they have.
        let variants: [fn(&Call) -> bool; 3] = [
            |_| true,
            |call| call.method != "debug_executionWitnessByBlockHash",
            |call| {
                let by_hash = call.params[0].as_str().is_some_and(|text| text.len() == 66);
                !call.method.starts_with("debug_executionWitness") || !by_hash
            },
        ];
        for has in variants {
            let server = serve(&record, has).await;
            for selector in [
                BlockSelector::Number(record.number),
                BlockSelector::Hash(record.hash),
                BlockSelector::Latest,
            ] {
                let input = fetch(&server, Method::ExecutionWitness, selector).await.unwrap();
                check(&record, &input);
                // The fetched input is minimal already.
                assert_eq!(minimize(&input).unwrap().0, input);
            }
            assert_eq!(server.count("eth_getProof"), 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
async fn fetched_by_proofs() {
    for record in recorded() {
        let server = serve(&record, |call| !call.method.starts_with("debug_")).await;
        let start = Instant::now();
        let input = fetch(&server, Method::Auto, BlockSelector::Number(record.number)).await.unwrap();
        check(&record, &input);
        println!(
            "{}: fetched by proofs in {:.1} s, {} eth_getProof, {} eth_getCode; {} bytes",
            record.number,
            start.elapsed().as_secs_f64(),
            server.count("eth_getProof"),
            server.count("eth_getCode"),
            input.encode().len()
        );
        // Both methods give the same input.
        let (recorded, _) = minimize(&record.input()).unwrap();
        assert_eq!(input, recorded);
    }
}

/// A run is fetched block by block, each into its own place in the cache, and put together to one input.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
async fn a_run_is_fetched_block_by_block() {
    let records = recorded();
    let [first, last] = &records[1..] else { panic!("the last two of three blocks are consecutive") };
    let (expected, claim) = minimize(&merge([first, last].map(Recorded::input)).unwrap()).unwrap();
    let run = BlockRun::new(first.number, last.number).unwrap();
    let cache = tempfile::tempdir().unwrap();
    for (method, is_cached) in
        [(Method::ExecutionWitness, false), (Method::Auto, true), (Method::Proofs, false)]
    {
        let node = ReplayNode::of_record(first).with_record(last);
        let server = RpcServer::start(move |call| node.answer(call)).await;
        let events = Arc::new(Mutex::new(Vec::new()));
        let progress: Progress = Arc::new({
            let events = events.clone();
            move |event| events.lock().unwrap().push(event)
        });
        let cache_dir = (method != Method::Proofs).then(|| cache.path().to_path_buf());
        let options = FetchOptions { method, cache_dir, ..FetchOptions::new(server.url()) };
        let input = Fetcher::new(options).unwrap().fetch_run(run, progress).await.unwrap();
        assert_eq!(input, expected);
        assert_eq!(validate(&input).unwrap(), claim);
        let events = events.lock().unwrap();
        let positions = events.iter().filter_map(|event| match event {
            Event::NextOfRun { position, count: 2 } => Some(*position),
            _ => None,
        });
        assert_eq!(positions.collect::<Vec<_>>(), [1, 2]);
        let cached = events.iter().filter(|event| **event == Event::Cached).count();
        assert_eq!(cached, if is_cached { 2 } else { 0 });
        assert_eq!(events.last(), Some(&Event::Joining { blocks: 2 }));
    }
}

/// The node accepts only block numbers in state queries.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
async fn fetched_by_proofs_by_number() {
    let record = recorded().remove(0);
    let node = ReplayNode::of_record(&record);
    let server = RpcServer::start(move |call| {
        let by_hash =
            call.params.as_array().is_some_and(|params| params.iter().any(|param| param.is_object()));
        match by_hash {
            true => Reply::Error(-32602, "invalid argument: cannot unmarshal object into string".into()),
            false => node.answer(call),
        }
    })
    .await;
    let input = fetch(&server, Method::Proofs, BlockSelector::Hash(record.hash)).await.unwrap();
    check(&record, &input);
}

/// Proofs complete a witness that lacks entries.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
async fn an_incomplete_execution_witness_is_completed() {
    for record in recorded() {
        let mut less = record.clone();
        for field in ["state", "codes"] {
            let list = less.witness[field].as_array_mut().unwrap();
            let mut index = 0;
            list.retain(|_| {
                index += 1;
                index % 10 != 0
            });
        }
        less.witness["headers"] = serde_json::Value::Null;
        let node = ReplayNode::of_record(&record);
        let server = RpcServer::start(move |call| match call.method.as_str() {
            "debug_executionWitnessByBlockHash" => Reply::Result(less.witness.clone()),
            _ => node.answer(call),
        })
        .await;
        let error = fetch(&server, Method::ExecutionWitness, BlockSelector::Latest).await.unwrap_err();
        assert!(matches!(error, FetchError::IncompleteWitness { .. }), "{error}");
        let selector = BlockSelector::Hash(record.hash);
        let input = fetch(&server, Method::Auto, selector).await.unwrap();
        check(&record, &input);
    }
}
