//! A node that fails, lies or breaks off: a clear error, or a successful retry.

use alloy_primitives::{Address, B256, Bytes};
use serde_json::{Value, json};
use std::{
    fs, io,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};
use zeno_guest_evm::{ChainSpec, StatelessInput, decode_block};
use zeno_tests::{
    devchain::DevChain,
    example::{GENESIS, LEDGER, example},
    replay::ReplayNode,
    rpc_server::{Call, Reply, RpcServer},
};
use zeno_witness_fetch::{
    BlockSelector, FetchError, FetchOptions, Fetcher, Method, Problem, RpcError, Subject,
};

/// What a faulty server does with a call; none to answer honestly.
type Fault = Option<Reply>;

static EXAMPLE: LazyLock<StatelessInput> = LazyLock::new(example);

fn node() -> ReplayNode {
    ReplayNode::of_input(&EXAMPLE).with_state(&DevChain::from_genesis(GENESIS))
}

/// A server of the example block that answers as `fault` says, honestly otherwise.
async fn serve(fault: impl Fn(&Call, &ReplayNode) -> Fault + Send + Sync + 'static) -> RpcServer {
    let node = node();
    RpcServer::start(move |call| fault(call, &node).unwrap_or_else(|| node.answer(call))).await
}

fn options(server: &RpcServer, method: Method) -> FetchOptions {
    FetchOptions {
        method,
        chain: Some(ChainSpec::from_json(GENESIS).unwrap()),
        timeout: Duration::from_millis(500),
        retries: 2,
        first_pause: Duration::from_millis(10),
        ..FetchOptions::new(server.url())
    }
}

async fn fetch_with(options: FetchOptions, selector: BlockSelector) -> Result<StatelessInput, FetchError> {
    Fetcher::new(options)?.fetch(&selector, Arc::new(|_| ())).await
}

async fn fetch(server: &RpcServer, method: Method) -> Result<StatelessInput, FetchError> {
    fetch_with(options(server, method), BlockSelector::Latest).await
}

/// An answer that a method of the node gives, changed.
fn altered(node: &ReplayNode, call: &Call, alter: impl FnOnce(&mut Value)) -> Fault {
    let Reply::Result(mut value) = node.answer(call) else { return None };
    alter(&mut value);
    Some(Reply::Result(value))
}

fn rpc_problem(error: FetchError, method: &str) -> Problem {
    assert!(error.to_string().contains(method), "{error}");
    match error {
        FetchError::Rpc(RpcError { method: named, problem, .. }) => {
            assert_eq!(named, method);
            problem
        }
        error => panic!("{error}"),
    }
}

/// Methods that every fetch by proofs uses.
const METHODS: [&str; 5] =
    ["eth_chainId", "eth_getBlockByNumber", "eth_getBlockByHash", "eth_getProof", "eth_getCode"];

#[tokio::test(flavor = "multi_thread")]
async fn honest_nodes_are_believed() {
    for method in [Method::Auto, Method::ExecutionWitness, Method::Proofs] {
        let server = serve(|_, _| None).await;
        assert_eq!(fetch(&server, method).await.unwrap(), *EXAMPLE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_faults_are_survived() {
    let faults: [fn() -> Reply; 8] = [
        || Reply::Silence,
        || Reply::Close,
        || Reply::BreakOff(json!("0x00")),
        || Reply::Error(-32005, "limit exceeded".into()),
        || Reply::Error(429, "Your app has exceeded its compute units per second capacity".into()),
        || Reply::Http(429, vec![], b"slow down".to_vec()),
        || Reply::Http(503, vec![], b"<html>busy</html>".to_vec()),
        || Reply::Http(200, vec![], b"<html>an error page</html>".to_vec()),
    ];
    for fault in faults {
        let server = serve(move |call, _| (call.index == 0).then(fault)).await;
        assert_eq!(fetch(&server, Method::Proofs).await.unwrap(), *EXAMPLE, "{:?}", fault());
        for method in METHODS {
            assert!(server.count(method) > 1, "{method} was tried again after {:?}", fault());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_left_alone_as_long_as_it_asks() {
    let busy = || Reply::Http(429, vec![("retry-after", "1".into())], Vec::new());
    let server = serve(move |call, _| (call.method == "eth_chainId" && call.index == 0).then(busy)).await;
    let start = Instant::now();
    fetch(&server, Method::Auto).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn lasting_faults_name_the_method() {
    type Expected = fn(&Problem) -> bool;
    let cases: [(Reply, Expected); 8] = [
        (Reply::Silence, |problem| matches!(problem, Problem::Timeout(_))),
        (Reply::Close, |problem| matches!(problem, Problem::Transport(_))),
        (Reply::BreakOff(json!("0x00")), |problem| matches!(problem, Problem::Transport(_))),
        (Reply::Late(Duration::from_secs(5), json!(0)), |problem| matches!(problem, Problem::Timeout(_))),
        (Reply::Error(-32005, "limit exceeded".into()), |problem| {
            matches!(problem, Problem::Answer { code: -32005, .. })
        }),
        (Reply::Http(429, vec![], Vec::new()), |problem| {
            matches!(problem, Problem::Status { status: 429, .. })
        }),
        (Reply::Http(200, vec![], b"garbage".to_vec()), |problem| matches!(problem, Problem::Malformed(_))),
        (Reply::Result(json!({"not": ["what", "was", "asked"]})), |problem| {
            matches!(problem, Problem::Malformed(_))
        }),
    ];
    for (reply, expected) in cases {
        for faulty in METHODS {
            let reply_of = reply.clone();
            let server = serve(move |call, _| (call.method == faulty).then(|| reply_of.clone())).await;
            let error = fetch(&server, Method::Proofs).await.unwrap_err();
            let problem = rpc_problem(error, faulty);
            assert!(expected(&problem), "{faulty} {reply:?}: {problem:?}");
            if !matches!(reply, Reply::Result(_)) {
                assert!(server.count(faulty) >= 3, "{faulty} {reply:?}: retries");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_no_value() {
    for faulty in ["eth_chainId", "eth_getProof", "eth_getCode"] {
        let server =
            serve(move |call, _| (call.method == faulty).then_some(Reply::Result(Value::Null))).await;
        let error = fetch(&server, Method::Proofs).await.unwrap_err();
        assert_eq!(rpc_problem(error, faulty), Problem::Null);
    }
    let server =
        serve(|call, _| (call.method == "eth_getBlockByNumber").then_some(Reply::Result(Value::Null))).await;
    let error = fetch(&server, Method::Auto).await.unwrap_err();
    assert!(matches!(error, FetchError::NoBlock(BlockSelector::Latest)), "{error}");
    let server =
        serve(|call, _| (call.method == "eth_getBlockByHash").then_some(Reply::Result(Value::Null))).await;
    let hash = B256::repeat_byte(1);
    let error = fetch_with(options(&server, Method::Auto), BlockSelector::Hash(hash)).await.unwrap_err();
    assert!(matches!(error, FetchError::NoBlock(BlockSelector::Hash(missing)) if missing == hash), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_chains_are_noticed() {
    let server = serve(|call, _| (call.method == "eth_chainId").then_some(Reply::Result(json!("0x1")))).await;
    let error = fetch(&server, Method::Auto).await.unwrap_err();
    assert!(matches!(error, FetchError::ChainMismatch { node: 1, configured: 9366 }), "{error}");

    let server = serve(|_, _| None).await;
    let options = FetchOptions { chain: None, ..options(&server, Method::Auto) };
    let error = fetch_with(options, BlockSelector::Latest).await.unwrap_err();
    assert!(matches!(error, FetchError::UnknownChain(9366)), "{error}");
    assert!(error.to_string().contains("JSON"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_blocks_are_noticed() {
    let block = decode_block(&EXAMPLE.block).unwrap();
    let hash = block.header.hash_slow();
    // The parent instead of the block.
    let server = serve(move |call, node| match call.method.as_str() {
        "eth_getBlockByHash" if call.params[0] == json!(hash) => {
            let params = json!([block.header.parent_hash, call.params[1]]);
            Some(node.answer(&Call { params, ..call.clone() }))
        }
        "debug_getRawBlock" => Some(Reply::Error(-32601, "the method does not exist".into())),
        _ => None,
    })
    .await;
    let error = fetch(&server, Method::Auto).await.unwrap_err();
    assert!(matches!(error, FetchError::WrongBlock { method: "eth_getBlockByHash", .. }), "{error}");

    // Another number.
    let server = serve(|_, _| None).await;
    let selector = BlockSelector::Number(1);
    fetch_with(options(&server, Method::Auto), selector).await.unwrap();
    let server = serve(|call, node| {
        let genesis = Call { params: json!(["0x0", false]), ..call.clone() };
        (call.method == "eth_getBlockByNumber").then(|| node.answer(&genesis))
    })
    .await;
    let error = fetch_with(options(&server, Method::Auto), selector).await.unwrap_err();
    assert!(matches!(error, FetchError::WrongBlock { method: "eth_getBlockByNumber", .. }), "{error}");

    // A header that isn't the hash's.
    for method in ["eth_getBlockByNumber", "eth_getBlockByHash"] {
        let server = serve(move |call, node| {
            (call.method == method)
                .then(|| altered(node, call, |block| block["gasUsed"] = json!("0x1")))
                .flatten()
        })
        .await;
        let error = fetch(&server, Method::Auto).await.unwrap_err();
        assert!(matches!(error, FetchError::WrongBlock { method: named, .. } if named == method), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bodies_are_noticed() {
    type Alteration = (&'static str, fn(&mut Value));
    let alterations: [Alteration; 3] = [
        ("transactions", |block| drop(block["transactions"].as_array_mut().map(|list| list.pop()))),
        ("transactions", |block| block["transactions"].as_array_mut().unwrap().swap(0, 1)),
        ("withdrawals", |block| block["withdrawals"][0]["amount"] = json!("0x1")),
    ];
    for (part, alter) in alterations {
        for raw in [false, true] {
            let server = serve(move |call, node| match call.method.as_str() {
                "eth_getBlockByHash" if call.params[1] == json!(true) => altered(node, call, alter),
                "debug_getRawBlock" if !raw => Some(Reply::Error(-32601, "the method does not exist".into())),
                _ => None,
            })
            .await;
            match fetch(&server, Method::Auto).await {
                // The block's RLP is right all the same.
                Ok(input) => assert!(raw && input == *EXAMPLE),
                Err(error) => {
                    assert!(!raw, "{error}");
                    let expected =
                        matches!(error, FetchError::WrongBody { part: named, .. } if named == part);
                    assert!(expected, "{error}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lying_proofs_are_noticed() {
    let alterations: [fn(&mut Value); 7] = [
        |proof| proof["accountProof"][0] = altered_bytes(&proof["accountProof"][0]),
        |proof| drop(proof["accountProof"].as_array_mut().unwrap().pop()),
        |proof| proof["accountProof"] = json!([]),
        |proof| proof["balance"] = json!("0x1234"),
        |proof| proof["storageProof"][0]["proof"][0] = altered_bytes(&proof["storageProof"][0]["proof"][0]),
        |proof| proof["storageProof"][0]["value"] = json!("0x1234"),
        |proof| proof["storageProof"] = json!([]),
    ];
    for (index, alter) in alterations.into_iter().enumerate() {
        let server = serve(move |call, node| {
            let about_slots = call.params[0] == json!(LEDGER)
                && call.params[1].as_array().is_some_and(|list| !list.is_empty());
            (call.method == "eth_getProof" && about_slots).then(|| altered(node, call, alter)).flatten()
        })
        .await;
        let error = fetch(&server, Method::Proofs).await.unwrap_err();
        let FetchError::FalseProof { method: "eth_getProof", subject, .. } = error else {
            panic!("{index}: {error}")
        };
        let (Subject::Account(address) | Subject::Slot(address, _)) = subject;
        assert_eq!(address, LEDGER);
    }
    // Proofs of another account, with and without its name.
    let other = Address::repeat_byte(0x33);
    for renamed in [false, true] {
        let server = serve(move |call, node| {
            if call.method != "eth_getProof" || call.params[0] != json!(LEDGER) {
                return None;
            }
            let call = Call { params: json!([other, call.params[1], call.params[2]]), ..call.clone() };
            altered(node, &call, |proof| {
                if renamed {
                    proof["address"] = json!(LEDGER)
                }
            })
        })
        .await;
        let error = fetch(&server, Method::Proofs).await.unwrap_err();
        assert!(matches!(error, FetchError::FalseProof { .. }), "{error}");
        assert!(error.to_string().contains(&LEDGER.to_string()), "{error}");
    }
}

fn altered_bytes(value: &Value) -> Value {
    let mut bytes = serde_json::from_value::<Bytes>(value.clone()).unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    json!(Bytes::from(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn lying_codes_are_noticed() {
    for code in [json!("0x"), json!("0x00"), json!("0x600035")] {
        let server = serve(move |call, _| {
            (call.method == "eth_getCode" && call.params[0] == json!(LEDGER))
                .then(|| Reply::Result(code.clone()))
        })
        .await;
        let error = fetch(&server, Method::Proofs).await.unwrap_err();
        let expected = matches!(error, FetchError::FalseCode { method: "eth_getCode", address: LEDGER, .. });
        assert!(expected, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lying_witnesses_are_noticed() {
    for field in ["state", "codes"] {
        let lie = move |call: &Call, node: &ReplayNode| {
            let asks = call.method.starts_with("debug_executionWitness");
            asks.then(|| altered(node, call, |witness| witness[field][0] = altered_bytes(&witness[field][0])))
                .flatten()
        };
        let error = fetch(&serve(lie).await, Method::ExecutionWitness).await.unwrap_err();
        assert!(matches!(error, FetchError::IncompleteWitness { .. }), "{error}");
        assert_eq!(fetch(&serve(lie).await, Method::Auto).await.unwrap(), *EXAMPLE);
    }
}

/// A client's spellings of the same witness.
#[tokio::test(flavor = "multi_thread")]
async fn witnesses_are_read_in_every_spelling() {
    let spellings: [fn(&mut Value); 5] = [
        |witness| witness["headers"] = Value::Null,
        |witness| drop(witness.as_object_mut().unwrap().remove("headers")),
        |witness| drop(witness.as_object_mut().unwrap().remove("keys")),
        |witness| {
            for header in witness["headers"].as_array_mut().unwrap() {
                let rlp: Bytes = serde_json::from_value(header.clone()).unwrap();
                *header =
                    serde_json::to_value(alloy_rlp::decode_exact::<alloy_consensus::Header>(&rlp).unwrap())
                        .unwrap();
            }
        },
        |witness| {
            for field in ["state", "codes"] {
                let list: Vec<Bytes> = serde_json::from_value(witness[field].take()).unwrap();
                witness[field] = list
                    .into_iter()
                    .map(|bytes| (alloy_primitives::keccak256(&bytes).to_string(), json!(bytes)))
                    .collect();
            }
        },
    ];
    for spelling in spellings {
        let server = serve(move |call, node| {
            call.method.starts_with("debug_executionWitness").then(|| altered(node, call, spelling)).flatten()
        })
        .await;
        assert_eq!(fetch(&server, Method::ExecutionWitness).await.unwrap(), *EXAMPLE);
    }
}

/// The canonical block changes after its hash was looked up.
#[tokio::test(flavor = "multi_thread")]
async fn reorganisations_are_noticed() {
    let hash = decode_block(&EXAMPLE.block).unwrap().header.hash_slow();
    for lost in ["eth_getBlockByHash", "eth_getProof"] {
        let server = serve(move |call, node| match call.method.as_str() {
            "eth_getBlockByNumber" if call.index > 0 => {
                let genesis = Call { params: json!(["0x0", false]), ..call.clone() };
                // Another block at this height.
                altered(node, &genesis, |block| {
                    block["number"] = json!("0x1");
                    let header: alloy_consensus::Header = serde_json::from_value(block.clone()).unwrap();
                    block["hash"] = json!(header.hash_slow());
                })
            }
            method if method == lost && lost == "eth_getBlockByHash" => Some(Reply::Result(Value::Null)),
            method if method == lost => Some(Reply::Error(-32000, "header not available".into())),
            _ => None,
        })
        .await;
        let error = fetch(&server, Method::Proofs).await.unwrap_err();
        let FetchError::Reorg { number: 1, before, now: Some(now) } = error else {
            panic!("{lost}: {error}")
        };
        assert_eq!(before, hash);
        assert_ne!(now, hash);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_answers_are_refused() {
    let server =
        serve(|call, _| (call.method == "eth_getProof").then(|| Reply::Result(json!("00".repeat(1 << 20)))))
            .await;
    let options = FetchOptions { max_answer_bytes: 1 << 20, ..options(&server, Method::Proofs) };
    let error = fetch_with(options, BlockSelector::Latest).await.unwrap_err();
    assert_eq!(rpc_problem(error, "eth_getProof"), Problem::TooLarge(1 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_block_is_not_the_nodes_fault() {
    // One wei more for the beneficiary than anybody paid: the state root is another's.
    let mut chain = DevChain::from_genesis(GENESIS);
    let input = chain.append(Default::default());
    let mut block = decode_block(&input.block).unwrap();
    block.header.state_root = B256::repeat_byte(7);
    let hash = block.header.hash_slow();
    let node = ReplayNode::of_input(&input).with_state(&DevChain::from_genesis(GENESIS)).with_block(block);
    let server = RpcServer::start(move |call| node.answer(call)).await;
    let selector = BlockSelector::Hash(hash);
    let error = fetch_with(options(&server, Method::Proofs), selector).await.unwrap_err();
    assert!(matches!(error, FetchError::Invalid { block, .. } if block == hash), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_are_cached_and_damage_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(|_, _| None).await;
    let options = || FetchOptions {
        cache_dir: Some(dir.path().to_path_buf()),
        ..options(&server, Method::ExecutionWitness)
    };
    let witnesses = || server.count("debug_executionWitnessByBlockHash");
    let fetch =
        async |options| assert_eq!(fetch_with(options, BlockSelector::Latest).await.unwrap(), *EXAMPLE);

    fetch(options()).await;
    fetch(options()).await;
    assert_eq!(witnesses(), 1);
    fetch(FetchOptions { refresh: true, ..options() }).await;
    assert_eq!(witnesses(), 2);

    let chain_dir = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let files = fs::read_dir(chain_dir).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let [file] = &files[..] else { panic!("one file, and no temporary ones: {files:?}") };
    let whole = fs::read(file).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut other = DevChain::from_genesis(GENESIS);
    let other = other.append(Default::default()).encode();
    for (index, damaged) in [&whole[..whole.len() / 2], &flipped, &other, b""].into_iter().enumerate() {
        fs::write(file, damaged).unwrap();
        fetch(options()).await;
        assert_eq!(witnesses(), 3 + index);
        assert_eq!(fs::read(file).unwrap(), whole);
    }
}

/// Everything that was logged, by every crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_never_shown() {
    const SECRETS: [&str; 5] =
        ["AliceUser", "Pa55word", "k3y0123456789abcdef", "QuerySecret", "HeaderSecret"];
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .init();

    // Errors of every kind, most of which repeat the request.
    let faults: [fn(&Call) -> Reply; 6] = [
        |call| Reply::Error(-32000, format!("bad key in {}", call.head)),
        |call| Reply::Http(401, vec![], call.head.clone().into_bytes()),
        |call| Reply::Http(500, vec![], call.head.clone().into_bytes()),
        |call| Reply::Result(json!(call.head)),
        |call| {
            Reply::Http(302, vec![("location", format!("/{}", SECRETS[2]))], call.head.clone().into_bytes())
        },
        |_| Reply::Close,
    ];
    let mut shown = Vec::new();
    for fault in faults {
        let server = RpcServer::start(fault).await;
        let host = server.url().replace("http://", "");
        let url = format!("http://AliceUser:Pa55word@{host}/v3/k3y0123456789abcdef?apikey=QuerySecret");
        let options = FetchOptions {
            url: url.clone(),
            headers: vec!["X-Api-Key: HeaderSecret".parse().unwrap()],
            ..options(&server, Method::Auto)
        };
        let fetcher = Fetcher::new(options.clone()).unwrap();
        let error = fetcher.fetch(&BlockSelector::Latest, Arc::new(|_| ())).await.unwrap_err();
        shown.extend([
            format!("{error}"),
            format!("{error:?}"),
            format!("{fetcher:?}"),
            format!("{options:?}"),
        ]);
        // The node got them all.
        let head = &server.calls()[0].head;
        for secret in [SECRETS[2], SECRETS[3], SECRETS[4]] {
            assert!(head.contains(secret), "{head}");
        }
        assert!(head.to_lowercase().contains("authorization: basic"), "{head}");
        // Nobody listens any more.
        drop(server);
        let error = fetcher.fetch(&BlockSelector::Latest, Arc::new(|_| ())).await.unwrap_err();
        shown.extend([format!("{error}"), format!("{error:?}")]);
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("eth_chainId"), "there is a log");
    for text in shown.iter().chain([&log]) {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
