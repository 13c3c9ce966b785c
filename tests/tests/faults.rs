//! Nodes that fail, lie or disconnect: fetching ends with a clear error, or a retry succeeds.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde_json::{Value, json};
use std::{
    fs, io,
    path::Path,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use zeno_guest_evm::{
    ChainSpec, StatelessInput,
    chain::{Chain, End, EndReason},
    decode_block, merge, minimize, validate,
};
use zeno_tests::{
    devchain::{DevAccount, DevChain, Draft},
    example::{GENESIS, LEDGER, example, signed},
    fetching::fetch_with_events,
    replay::ReplayNode,
    rpc_server::{Call, Reply, RpcServer},
};
use zeno_witness_fetch::{
    BlockRun, BlockSelector, Event, FetchError, FetchOptions, Fetcher, Method, NotSupported, Problem,
    RpcError, RpcOptions, Subject,
};

/// Reply of a faulty server, or `None` for the honest one.
type Fault = Option<Reply>;

static EXAMPLE: LazyLock<StatelessInput> = LazyLock::new(example);

fn node() -> ReplayNode {
    ReplayNode::of_input(&EXAMPLE).with_state(&DevChain::from_genesis(GENESIS))
}

/// Server of the example block. It replies with the fault, if `fault` returns one, and honestly otherwise.
async fn serve(fault: impl Fn(&Call, &ReplayNode) -> Fault + Send + Sync + 'static) -> RpcServer {
    let node = node();
    RpcServer::start(move |call| fault(call, &node).unwrap_or_else(|| node.answer(call))).await
}

fn options(server: &RpcServer, method: Method) -> FetchOptions {
    FetchOptions {
        rpc: RpcOptions {
            timeout: Duration::from_millis(500),
            retries: 2,
            first_pause: Duration::from_millis(10),
            ..RpcOptions::new(server.url())
        },
        method,
        chain: Some(Chain::from_json(GENESIS).unwrap()),
        ..FetchOptions::new(server.url())
    }
}

/// Options with a changed access to the node.
fn with_rpc(mut options: FetchOptions, change: impl FnOnce(&mut RpcOptions)) -> FetchOptions {
    change(&mut options.rpc);
    options
}

async fn fetch_with(options: FetchOptions, selector: BlockSelector) -> Result<StatelessInput, FetchError> {
    Fetcher::new(options)?.fetch(&selector, Arc::new(|_| ())).await
}

async fn fetch(server: &RpcServer, method: Method) -> Result<StatelessInput, FetchError> {
    fetch_with(options(server, method), BlockSelector::Latest).await
}

/// Chain with this number of empty blocks, and the input of the next block, whose one transaction runs this code.
fn chain_that_runs(code: &[u8], empty_blocks: usize) -> (DevChain, StatelessInput) {
    let contract = Address::repeat_byte(0xbb);
    let mut genesis: Value = serde_json::from_str(GENESIS).unwrap();
    genesis["alloc"][contract.to_string().to_lowercase()] =
        json!({ "balance": "0x0", "nonce": "0x1", "code": Bytes::copy_from_slice(code) });
    let mut chain = DevChain::from_genesis(&genesis.to_string());
    for _ in 0..empty_blocks {
        chain.append(Draft::default());
    }
    let transaction = TxEip1559 {
        chain_id: chain.spec.chain_id,
        gas_limit: 100_000,
        max_fee_per_gas: 3_000_000_000,
        to: contract.into(),
        ..TxEip1559::default()
    };
    let transactions = vec![signed(transaction, &DevAccount::new(0))];
    let input = chain.append(Draft { transactions, ..Draft::default() });
    (chain, input)
}

/// The node's answer to a call, changed.
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

/// Methods that every fetch by proofs calls.
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

    // The time is relative to the node's clock, which may be wrong.
    let times = || {
        vec![
            ("date", "Fri, 31 Dec 1999 23:59:57 GMT".into()),
            ("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT".into()),
        ]
    };
    let server = serve(move |call, _| {
        (call.method == "eth_chainId" && call.index == 0).then(|| Reply::Http(429, times(), Vec::new()))
    })
    .await;
    let start = Instant::now();
    fetch(&server, Method::Auto).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2));
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

    // A number has digits.
    for reply in ["0x", ""] {
        let server =
            serve(move |call, _| (call.method == "eth_chainId").then_some(Reply::Result(json!(reply)))).await;
        let error = fetch(&server, Method::Auto).await.unwrap_err();
        let problem = rpc_problem(error, "eth_chainId");
        assert!(matches!(&problem, Problem::Malformed(_)), "{problem:?}");
    }
}

/// A block is not judged by a chain that the node names if the block's own signatures are for another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_only_the_node_names_makes_no_block_invalid() {
    let hoodi = ChainSpec::hoodi();
    let id = json!(format!("{:#x}", hoodi.chain_id));
    let lie = id.clone();
    let server =
        serve(move |call, _| (call.method == "eth_chainId").then_some(Reply::Result(lie.clone()))).await;
    for method in [Method::Auto, Method::ExecutionWitness, Method::Proofs] {
        let options = FetchOptions { chain: None, ..options(&server, method) };
        let error = fetch_with(options, BlockSelector::Latest).await.unwrap_err();
        assert!(
            matches!(error, FetchError::SignedForAnother { node: 560_048, signed: 9366 }),
            "{method:?}: {error}"
        );
        let text = error.to_string();
        assert!(text.contains("name the chain") && !text.contains("invalid"), "{text}");
    }
    // A block is judged by the chain that the user names.
    let chosen = Chain { spec: hoodi, end: None };
    let chosen = FetchOptions { chain: Some(chosen), ..options(&server, Method::Auto) };
    let error = fetch_with(chosen, BlockSelector::Latest).await.unwrap_err();
    assert!(matches!(error, FetchError::Invalid { .. }), "{error}");
    let text = error.to_string();
    assert!(text.ends_with("(by the rules of chain 560048)"), "{text}");

    // An empty block has no signatures. The error says which rules the block was judged by.
    let mut chain = DevChain::from_genesis(GENESIS);
    let input = chain.append(Draft::default());
    let mut block = decode_block(&input.blocks[0]).unwrap();
    block.header.state_root = B256::repeat_byte(7);
    let hash = block.header.hash_slow();
    let node = ReplayNode::of_input(&input).with_state(&DevChain::from_genesis(GENESIS)).with_block(block);
    let server = RpcServer::start(move |call| match call.method.as_str() {
        "eth_chainId" => Reply::Result(id.clone()),
        _ => node.answer(call),
    })
    .await;
    let options = FetchOptions { chain: None, ..options(&server, Method::Proofs) };
    let error = fetch_with(options, BlockSelector::Hash(hash)).await.unwrap_err();
    assert!(matches!(error, FetchError::Invalid { .. }), "{error}");
    let text = error.to_string();
    assert!(text.ends_with("(by the rules of chain 560048, which the node named)"), "{text}");
}

/// A method that refuses a block hash, or its parameters altogether, does not change how other methods are called.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_hint_changes_no_other_query() {
    let refusals = [
        Reply::Error(-32602, "invalid params".into()),
        Reply::Error(-32000, "Incorrect params: hex string expected".into()),
    ];
    for refusal in refusals {
        // A block that is not the canonical one of its number.
        let hash = decode_block(&EXAMPLE.blocks[0]).unwrap().header.hash_slow();
        let reply = refusal.clone();
        let server = serve(move |call, _| match call.method.as_str() {
            "eth_createAccessList" => Some(reply.clone()),
            "eth_getBlockByNumber" => Some(Reply::Result(Value::Null)),
            _ => None,
        })
        .await;
        let selector = BlockSelector::Hash(hash);
        let input = fetch_with(options(&server, Method::Proofs), selector).await.unwrap();
        assert_eq!(input, *EXAMPLE);

        // Where only numbers are accepted, each method is called by hash until a call by number succeeds.
        let reply = refusal.clone();
        let server = serve(move |call, _| {
            let by_hash = call.params.as_array().is_some_and(|list| list.iter().any(|item| item.is_object()));
            (["eth_getProof", "eth_getCode"].contains(&call.method.as_str()) && by_hash)
                .then(|| reply.clone())
        })
        .await;
        assert_eq!(fetch(&server, Method::Proofs).await.unwrap(), *EXAMPLE);
        // A block on a side chain is never asked for by its number.
        let reply = refusal.clone();
        let server = serve(move |call, _| match call.method.as_str() {
            "eth_getProof" if call.params[2].is_object() => Some(reply.clone()),
            "eth_getBlockByNumber" => Some(Reply::Result(Value::Null)),
            _ => None,
        })
        .await;
        let error = fetch_with(options(&server, Method::Proofs), selector).await.unwrap_err();
        assert!(matches!(rpc_problem(error, "eth_getProof"), Problem::Answer { .. }));
    }
}

/// Answers are objects whose fields have names, not lists of values.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_read_by_name() {
    for body in [r#"["2.0",1,"0x2496"]"#, r#"["2.0",1,"0x2496",null]"#, r#"[{"id":1},{"id":1}]"#] {
        let server = serve(move |call, _| {
            (call.method == "eth_chainId").then(|| Reply::Http(200, vec![], body.as_bytes().to_vec()))
        })
        .await;
        let error = fetch(&server, Method::Auto).await.unwrap_err();
        let problem = rpc_problem(error, "eth_chainId");
        assert!(matches!(&problem, Problem::Malformed(_)), "{problem:?}");
    }
    // An answer in a list of one, as to a batch of one call.
    let server = serve(|call, node| {
        let Reply::Result(value) = node.answer(call) else { return None };
        let body = json!([{ "jsonrpc": "2.0", "id": null, "result": value }]).to_string();
        Some(Reply::Http(200, vec![], body.into_bytes()))
    })
    .await;
    assert_eq!(fetch(&server, Method::ExecutionWitness).await.unwrap(), *EXAMPLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_blocks_are_noticed() {
    let block = decode_block(&EXAMPLE.blocks[0]).unwrap();
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

    // A header that does not have the hash.
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
                // The block's RLP is correct nonetheless.
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
    let alterations: [fn(&mut Value); 5] = [
        |proof| proof["accountProof"][0] = altered_bytes(&proof["accountProof"][0]),
        |proof| drop(proof["accountProof"].as_array_mut().unwrap().pop()),
        |proof| proof["accountProof"] = json!([]),
        |proof| proof["storageProof"][0]["proof"][0] = altered_bytes(&proof["storageProof"][0]["proof"][0]),
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

/// Clients encode the same witness in different ways.
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

/// The canonical block changes after its hash is known.
#[tokio::test(flavor = "multi_thread")]
async fn reorganisations_are_noticed() {
    let hash = decode_block(&EXAMPLE.blocks[0]).unwrap().header.hash_slow();
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

/// Node of the blocks of these inputs.
fn node_of(inputs: &[StatelessInput]) -> ReplayNode {
    let (first, others) = inputs.split_first().expect("a chain has blocks");
    others.iter().fold(ReplayNode::of_input(first), ReplayNode::with_input)
}

/// Three empty blocks on the example's genesis. The second one's beneficiary tells chains apart.
fn three_blocks(beneficiary: Address) -> Vec<StatelessInput> {
    let mut chain = DevChain::from_genesis(GENESIS);
    let drafts = [Address::ZERO, beneficiary, Address::ZERO];
    drafts.map(|beneficiary| chain.append(Draft { beneficiary, ..Draft::default() })).to_vec()
}

async fn fetch_run(
    server: &RpcServer,
    last: u64,
    cache: Option<&Path>,
) -> Result<StatelessInput, FetchError> {
    let cache_dir = cache.map(Path::to_path_buf);
    let options = FetchOptions { cache_dir, ..options(server, Method::ExecutionWitness) };
    Fetcher::new(options)?.fetch_run(BlockRun::new(1, last).unwrap(), Arc::new(|_| ())).await
}

/// Blocks that were fetched are kept, and the error of another one has its number.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_continues_where_it_ended() {
    let inputs = three_blocks(Address::ZERO);
    let node = node_of(&inputs);
    let hash = decode_block(&inputs[1].blocks[0]).unwrap().header.hash_slow();
    let fails = Arc::new(AtomicBool::new(true));
    let server = RpcServer::start({
        let fails = fails.clone();
        move |call| {
            let of_second = call.params[0] == json!(hash) || call.params[0] == json!("0x2");
            if fails.load(Relaxed) && of_second && call.method.starts_with("debug_executionWitness") {
                return Reply::Error(-32000, "the disk is full".into());
            }
            node.answer(call)
        }
    })
    .await;
    let cache = tempfile::tempdir().unwrap();
    let error = fetch_run(&server, 3, Some(cache.path())).await.unwrap_err();
    assert!(error.to_string().starts_with("block 2 of the run: "), "{error}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(matches!(error.of_block(), FetchError::Rpc(_)), "{error}");

    fails.store(false, Relaxed);
    let before = server.count("debug_executionWitnessByBlockHash");
    let input = fetch_run(&server, 3, Some(cache.path())).await.unwrap();
    assert_eq!(server.count("debug_executionWitnessByBlockHash") - before, 2, "the first block was kept");
    let claim = validate(&input).unwrap();
    assert_eq!((claim.block_count, claim.last_block_number), (3, 3));
    assert_eq!(input.blocks, inputs.iter().map(|input| input.blocks[0].clone()).collect::<Vec<_>>());
    assert_eq!(input, minimize(&merge(inputs).unwrap()).unwrap().0);
    // A run of one block is the block.
    let one = fetch_run(&server, 1, None).await.unwrap();
    assert_eq!(
        one,
        fetch_with(options(&server, Method::ExecutionWitness), BlockSelector::Number(1)).await.unwrap()
    );
    // The chain ends before the run does.
    let error = fetch_run(&server, 4, Some(cache.path())).await.unwrap_err();
    assert_eq!(error.to_string(), "block 4 of the run: the node knows no block 4");
}

/// The chain changes after the second block was fetched.
#[tokio::test(flavor = "multi_thread")]
async fn reorganisations_within_a_run_are_noticed() {
    let (inputs, others) = (three_blocks(Address::ZERO), three_blocks(Address::repeat_byte(7)));
    let [before, now] =
        [&inputs, &others].map(|inputs| decode_block(&inputs[1].blocks[0]).unwrap().header.hash_slow());
    assert_ne!(before, now);
    let (node, other) = (node_of(&inputs), node_of(&others));
    let server = RpcServer::start(move |call| {
        if call.method == "eth_getBlockByNumber" && call.params[0] == json!("0x3") {
            return other.answer(call);
        }
        match node.answer(call) {
            Reply::Result(Value::Null) | Reply::Error(..) => other.answer(call),
            reply => reply,
        }
    })
    .await;
    let error = fetch_run(&server, 3, None).await.unwrap_err();
    let FetchError::Reorg { number: 2, before: was, now: Some(is) } = error else { panic!("{error}") };
    assert_eq!((was, is), (before, now));
}

/// A block of a run is judged as it is for itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_block_of_a_run_is_named() {
    let mut inputs = three_blocks(Address::ZERO);
    let mut block = decode_block(&inputs[1].blocks[0]).unwrap();
    block.header.extra_data = vec![0; 33].into();
    inputs.truncate(1);
    let node = node_of(&inputs).with_block(block);
    let server = RpcServer::start(move |call| node.answer(call)).await;
    let error = fetch_run(&server, 2, None).await.unwrap_err();
    assert!(matches!(error, FetchError::InRun { number: 2, .. }), "{error}");
    assert!(matches!(error.of_block(), FetchError::Invalid { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_answers_are_refused() {
    let server =
        serve(|call, _| (call.method == "eth_getProof").then(|| Reply::Result(json!("00".repeat(1 << 20)))))
            .await;
    let options = with_rpc(options(&server, Method::Proofs), |rpc| rpc.max_answer_bytes = 1 << 20);
    let error = fetch_with(options, BlockSelector::Latest).await.unwrap_err();
    assert_eq!(rpc_problem(error, "eth_getProof"), Problem::TooLarge(1 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_block_is_not_the_nodes_fault() {
    // The header has a wrong state root.
    let mut chain = DevChain::from_genesis(GENESIS);
    let input = chain.append(Default::default());
    let mut block = decode_block(&input.blocks[0]).unwrap();
    block.header.state_root = B256::repeat_byte(7);
    let hash = block.header.hash_slow();
    let node = ReplayNode::of_input(&input).with_state(&DevChain::from_genesis(GENESIS)).with_block(block);
    let server = RpcServer::start(move |call| node.answer(call)).await;
    let selector = BlockSelector::Hash(hash);
    let error = fetch_with(options(&server, Method::Proofs), selector).await.unwrap_err();
    assert!(matches!(error, FetchError::Invalid { block, .. } if block == hash), "{error}");
}

/// Reply in which the absent one of result and error is `null`, as servers of JSON-RPC 1.0 and proxies in Go write it.
fn with_nulls(reply: Reply) -> Reply {
    match reply {
        Reply::Result(value) => Reply::Envelope(json!({ "result": value, "error": null })),
        Reply::Error(code, message) => {
            Reply::Envelope(json!({ "result": null, "error": { "code": code, "message": message } }))
        }
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_beside_what_there_is_is_nothing() {
    let server = serve(|call, node| Some(with_nulls(node.answer(call)))).await;
    assert_eq!(fetch(&server, Method::ExecutionWitness).await.unwrap(), *EXAMPLE);

    // A missing method is called once.
    let server = serve(|call, node| {
        let missing = call.method.starts_with("debug_executionWitness");
        let reply = if missing { Reply::Error(-32601, "Method not found".into()) } else { node.answer(call) };
        Some(with_nulls(reply))
    })
    .await;
    assert_eq!(fetch(&server, Method::Auto).await.unwrap(), *EXAMPLE);
    assert_eq!(server.count("debug_executionWitnessByBlockHash"), 1);

    let server = serve(|_, _| Some(with_nulls(Reply::Error(-32000, "invalid API key".into())))).await;
    let error = fetch(&server, Method::Auto).await.unwrap_err();
    assert!(error.to_string().contains("answered with error -32000: invalid API key"), "{error}");
    assert_eq!(server.calls().len(), 1);
}

/// Removes every field whose value is empty, or sets it to `null`. A signature's parity is a value even if it is zero.
fn drop_empty(value: &mut Value, remove: bool) {
    let is_empty = |name: &str, value: &Value| {
        !["v", "yParity"].contains(&name)
            && [json!([]), json!("0x"), json!("0x0"), Value::Null].contains(value)
    };
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| drop_empty(item, remove)),
        Value::Object(fields) => {
            fields.retain(|name, value| !(remove && is_empty(name, value)));
            for (name, value) in fields {
                if is_empty(name, value) {
                    *value = Value::Null;
                } else {
                    drop_empty(value, remove);
                }
            }
        }
        _ => {}
    }
}

/// A field may be `null`, absent or empty where a hash or a proof checks the result.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_empty_may_be_left_out() {
    for remove in [false, true] {
        for method in [Method::ExecutionWitness, Method::Proofs] {
            let server = serve(move |call, node| {
                let altered = |value: &mut Value| match call.method.as_str() {
                    "eth_getBlockByHash" | "eth_getProof" => drop_empty(value, remove),
                    method if method.starts_with("debug_executionWitness") => {
                        value["keys"] = Value::Null;
                        drop_empty(value, remove);
                    }
                    _ => {}
                };
                match call.method.as_str() {
                    "debug_getRawBlock" => Some(Reply::Error(-32601, "the method does not exist".into())),
                    _ => self::altered(node, call, altered),
                }
            })
            .await;
            assert_eq!(fetch(&server, method).await.unwrap(), *EXAMPLE, "{method:?} {remove}");
        }
    }
    // Fields that repeat what a proof shows may be absent or wrong. The proof counts.
    let alterations: [fn(&mut Value); 5] = [
        |proof| {
            for field in ["address", "nonce", "balance", "codeHash", "storageHash"] {
                proof[field] = Value::Null;
            }
        },
        |proof| proof["balance"] = json!("0x1234"),
        |proof| proof["address"] = json!(Address::repeat_byte(0x33)),
        |proof| proof["codeHash"] = json!("0x"),
        |proof| {
            for slot in proof["storageProof"].as_array_mut().unwrap() {
                slot["value"] = json!("0x1234");
            }
        },
    ];
    for (index, alter) in alterations.into_iter().enumerate() {
        let server = serve(move |call, node| {
            (call.method == "eth_getProof").then(|| altered(node, call, alter)).flatten()
        })
        .await;
        assert_eq!(fetch(&server, Method::Proofs).await.unwrap(), *EXAMPLE, "{index}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_named() {
    for (field, value) in [("gas", json!("zz")), ("r", Value::Null), ("type", json!("0x7e"))] {
        let server = serve(move |call, node| match call.method.as_str() {
            "eth_getBlockByHash" if call.params[1] == json!(true) => {
                altered(node, call, |block| block["transactions"][1][field] = value.clone())
            }
            "debug_getRawBlock" => Some(Reply::Error(-32601, "the method does not exist".into())),
            _ => None,
        })
        .await;
        let error = fetch(&server, Method::Auto).await.unwrap_err().to_string();
        assert!(error.contains("transaction 1") && error.contains(&format!("`{field}`")), "{error}");
        assert!(!error.contains("untagged"), "{error}");
    }
}

/// The header says that a block without withdrawals has an empty list of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_header_says_whether_there_are_withdrawals() {
    let mut chain = DevChain::from_genesis(GENESIS);
    let input = chain.append(Draft::default());
    let alterations: [fn(&mut Value); 4] = [
        |block| block["withdrawals"] = json!([]),
        |block| block["withdrawals"] = Value::Null,
        |block| drop(block.as_object_mut().unwrap().remove("withdrawals")),
        |block| drop(block.as_object_mut().unwrap().remove("uncles")),
    ];
    for alter in alterations {
        let node = ReplayNode::of_input(&input);
        let server = RpcServer::start(move |call| {
            let honest = |_: &mut Value| ();
            let alter = if call.method.starts_with("eth_getBlockBy") { alter } else { honest };
            match call.method.as_str() {
                "debug_getRawBlock" => Reply::Error(-32601, "the method does not exist".into()),
                _ => altered(&node, call, alter).unwrap_or_else(|| node.answer(call)),
            }
        })
        .await;
        assert_eq!(fetch(&server, Method::Auto).await.unwrap(), input);
    }
}

/// The hash beside a header only repeats the header's content.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_is_known_by_its_content() {
    for claimed in [json!(B256::repeat_byte(9)), Value::Null] {
        let server = serve(move |call, node| {
            let claimed = claimed.clone();
            (call.method == "eth_getBlockByHash")
                .then(|| altered(node, call, |block| block["hash"] = claimed))
                .flatten()
        })
        .await;
        assert_eq!(fetch(&server, Method::Auto).await.unwrap(), *EXAMPLE);
    }
}

/// A block that may be of an unknown fork is not judged.
#[tokio::test(flavor = "multi_thread")]
async fn later_forks_are_not_judged() {
    let later = |alter: fn(&mut alloy_consensus::Header)| {
        let mut chain = DevChain::from_genesis(GENESIS);
        let input = chain.append(Draft::default());
        let mut block = decode_block(&input.blocks[0]).unwrap();
        alter(&mut block.header);
        let hash = block.header.hash_slow();
        (ReplayNode::of_input(&input).with_block(block), hash)
    };
    let (node, hash) = later(|header| {
        header.block_access_list_hash = Some(B256::ZERO);
        header.slot_number = Some(7);
        // This breaks a rule that the fork may have changed.
        header.gas_limit = 1;
    });
    let server = RpcServer::start(move |call| node.answer(call)).await;
    let selector = BlockSelector::Hash(hash);
    let ending = |server: &RpcServer, end| {
        let spec = Chain::from_json(GENESIS).unwrap().spec;
        FetchOptions { chain: Some(Chain { spec, end }), ..options(server, Method::Auto) }
    };
    // As of a built-in chain, whose schedule may lack a fork.
    let horizon = End { from: u64::MAX, reason: EndReason::Horizon { released: 0 } };
    let error = fetch_with(ending(&server, Some(horizon)), selector).await.unwrap_err();
    let FetchError::NotSupported { reason: NotSupported::LaterFields(fields), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(fields, &["blockAccessListHash", "slotNumber"]);
    // Rules that the user gives are complete.
    let error = fetch_with(ending(&server, None), selector).await.unwrap_err();
    assert!(matches!(error, FetchError::Invalid { .. }), "{error}");

    let (node, hash) = later(|_| ());
    let server = RpcServer::start(move |call| node.answer(call)).await;
    let later = End { from: 0, reason: EndReason::LaterFork("fulu".to_owned()) };
    let error = fetch_with(ending(&server, Some(later)), BlockSelector::Hash(hash)).await.unwrap_err();
    assert!(
        matches!(error, FetchError::NotSupported { reason: NotSupported::BeyondEnd(_), .. })
            && error.to_string().contains("fulu")
            && !error.to_string().contains("invalid"),
        "{error}"
    );

    // Fields that this program can't decode as parts of a header.
    let server = serve(move |call, node| {
        call.method
            .starts_with("eth_getBlockBy")
            .then(|| {
                altered(node, call, |block| {
                    block["fancyRoot"] = json!(B256::ZERO);
                    block["hash"] = json!(B256::repeat_byte(5));
                })
            })
            .flatten()
    })
    .await;
    for selector in [BlockSelector::Latest, BlockSelector::Number(1)] {
        let error = fetch_with(options(&server, Method::Auto), selector).await.unwrap_err();
        assert!(matches!(error, FetchError::UnknownFields { .. }), "{error}");
        assert!(error.to_string().contains("fancyRoot"), "{error}");
    }
}

/// A hint that fails or is wrong does not end a fetch.
#[tokio::test(flavor = "multi_thread")]
async fn hints_never_end_a_fetch() {
    let hash = decode_block(&EXAMPLE.blocks[0]).unwrap().header.hash_slow();
    type Hint = (&'static str, fn(&Call, B256) -> bool);
    let hints: [Hint; 3] = [
        // Proofs of the state after the block.
        ("eth_getProof", |call, hash| call.params[2]["blockHash"] == json!(hash)),
        // Prefetched proofs, which are asked for again.
        ("eth_getProof", |call, _| call.index < 3),
        ("eth_getCode", |call, _| call.index == 0),
    ];
    for (index, (method, is_hint)) in hints.into_iter().enumerate() {
        let replies = [
            Reply::Result(json!({ "accountProof": ["0x00"] })),
            Reply::Result(json!("0x1234")),
            Reply::Result(Value::Null),
            Reply::Error(-32000, "missing trie node".into()),
            Reply::Http(500, vec![], Vec::new()),
            Reply::Close,
            Reply::Silence,
        ];
        for reply in replies {
            let faulty = reply.clone();
            let server =
                serve(move |call, _| (call.method == method && is_hint(call, hash)).then(|| faulty.clone()))
                    .await;
            assert_eq!(fetch(&server, Method::Proofs).await.unwrap(), *EXAMPLE, "{index} {reply:?}");
        }
    }
    for reply in [
        Reply::Result(Value::Null),
        Reply::Result(json!({ "accessList": null })),
        Reply::Result(json!({ "accessList": [{ "address": LEDGER, "storageKeys": null }] })),
        Reply::Result(json!([7])),
        Reply::Error(-32000, "execution reverted".into()),
        Reply::Http(500, vec![], Vec::new()),
        Reply::Close,
        Reply::Silence,
    ] {
        let faulty = reply.clone();
        let server =
            serve(move |call, _| (call.method == "eth_createAccessList").then(|| faulty.clone())).await;
        assert_eq!(fetch(&server, Method::Proofs).await.unwrap(), *EXAMPLE, "{reply:?}");
    }
}

/// The node decides how many slots it lists, but not how many of them are fetched.
#[tokio::test(flavor = "multi_thread")]
async fn hints_are_bounded() {
    let keys = (0..40_000).map(|slot| B256::from(U256::from(slot))).collect::<Vec<_>>();
    let server = serve(move |call, _| {
        (call.method == "eth_createAccessList")
            .then(|| Reply::Result(json!({ "accessList": [{ "address": LEDGER, "storageKeys": keys }] })))
    })
    .await;
    let options = with_rpc(options(&server, Method::Proofs), |rpc| rpc.timeout = Duration::from_secs(30));
    let (input, events) = fetch_with_events(options).await;
    assert_eq!(input, *EXAMPLE);
    let slots = events.iter().find_map(|event| match event {
        Event::Prefetching { slots, .. } => Some(*slots),
        _ => None,
    });
    assert!((10_000..=20_100).contains(&slots.unwrap()), "{slots:?}");
}

/// A witness that takes too long is asked for once. The state is then fetched by proofs.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_witness_is_asked_for_once() {
    for reply in [
        Reply::Silence,
        Reply::Close,
        Reply::BreakOff(json!({ "state": [] })),
        Reply::Http(502, vec![], b"<html>bad gateway</html>".to_vec()),
        Reply::Http(504, vec![], b"<html>gateway time-out</html>".to_vec()),
        Reply::Http(524, vec![], Vec::new()),
        Reply::Error(-32002, "request timed out".into()),
        Reply::Error(-32000, "execution timeout, try again later".into()),
    ] {
        let slow = reply.clone();
        let server =
            serve(move |call, _| call.method.starts_with("debug_executionWitness").then(|| slow.clone()))
                .await;
        let options = || {
            with_rpc(options(&server, Method::Auto), |rpc| {
                rpc.witness_timeout = Some(Duration::from_millis(300));
                rpc.retries = 5;
            })
        };
        assert_eq!(fetch_with(options(), BlockSelector::Latest).await.unwrap(), *EXAMPLE, "{reply:?}");
        let asked = || server.calls().iter().filter(|call| call.method.contains("Witness")).count();
        assert_eq!(asked(), 1, "{reply:?}");
        let options = FetchOptions { method: Method::ExecutionWitness, ..options() };
        fetch_with(options, BlockSelector::Latest).await.unwrap_err();
        assert_eq!(asked(), 2, "{reply:?}");
    }
    // The request for a witness may take longer than other requests.
    let witness = match node().answer(&Call {
        method: "debug_executionWitness".into(),
        params: json!(["latest"]),
        head: String::new(),
        index: 0,
    }) {
        Reply::Result(witness) => witness,
        other => panic!("{other:?}"),
    };
    let server = serve(move |call, _| {
        call.method
            .starts_with("debug_executionWitness")
            .then(|| Reply::Late(Duration::from_secs(1), witness.clone()))
    })
    .await;
    let options = options(&server, Method::ExecutionWitness);
    assert!(options.rpc.timeout < Duration::from_secs(1));
    assert_eq!(fetch_with(options, BlockSelector::Latest).await.unwrap(), *EXAMPLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_bounded_by_method() {
    for (method, length) in
        [("eth_chainId", 1 << 16), ("eth_getBlockByNumber", 5 << 20), ("eth_getProof", 9 << 20)]
    {
        let server =
            serve(move |call, _| (call.method == method).then(|| Reply::Result(json!("0".repeat(length)))))
                .await;
        let options = with_rpc(options(&server, Method::Proofs), |rpc| rpc.timeout = Duration::from_secs(30));
        let error = fetch_with(options, BlockSelector::Latest).await.unwrap_err();
        let problem = rpc_problem(error, method);
        assert!(matches!(problem, Problem::TooLarge(limit) if limit < length), "{method}: {problem:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_named_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let location = "https://127.0.0.1:1/rpc?key=hush";
        let server =
            serve(move |_, _| Some(Reply::Http(status, vec![("location", location.into())], Vec::new())))
                .await;
        let error = fetch(&server, Method::Auto).await.unwrap_err().to_string();
        for part in ["redirects to https://127.0.0.1:1/rpc", "the node's URL", &status.to_string()] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("hush"), "{error}");
        assert_eq!(server.calls().len(), 1, "no retry helps");

        for (headers, part) in [
            (vec![], "redirects without a place to go to"),
            (vec![("location", "/".to_owned())], "redirects to itself"),
        ] {
            let server = serve(move |_, _| Some(Reply::Http(status, headers.clone(), Vec::new()))).await;
            let error = fetch(&server, Method::Auto).await.unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(&status.to_string()), "{error}");
            assert_eq!(server.calls().len(), 1, "no retry helps");
        }
    }
}

/// Nodes report too many requests in many ways.
#[tokio::test(flavor = "multi_thread")]
async fn rate_limits_are_known_in_every_spelling() {
    let replies: [fn() -> Reply; 14] = [
        || Reply::Error(-32000, "RATE LIMIT".into()),
        || Reply::Error(-32029, "no".into()),
        || Reply::Error(-32000, "Daily request count exceeded, try again tomorrow".into()),
        || Reply::Envelope(json!({ "error": "Too Many Requests" })),
        || Reply::Envelope(json!({ "error": { "code": "429", "message": null } })),
        || Reply::Http(403, vec![], b"error code: 1015, you are being rate limited".to_vec()),
        || Reply::Http(503, vec![("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT".into())], Vec::new()),
        || Reply::Error(-32000, "Max requests exceeded".into()),
        || Reply::Error(-32000, "Plan limit hit".into()),
        || Reply::Error(-32000, "Service is busy".into()),
        || Reply::Error(-32046, "Cannot fulfill request".into()),
        || Reply::Envelope(json!({ "error": { "code": -32603, "message": "no", "data": { "code": 429 } } })),
        || {
            let data = json!({ "message": "Exceeded 25 requests/sec" });
            Reply::Envelope(json!({ "error": { "code": -32603, "message": "no", "data": data } }))
        },
        || {
            let body = br#"{"id":null,"error":{"code":-32000,"message":"no"}}"#;
            Reply::Http(200, vec![("retry-after", "0".into())], body.to_vec())
        },
    ];
    for reply in replies {
        // The request for the witness is repeated, too, although it is otherwise sent once.
        let server = serve(move |call, _| (call.index == 0).then(reply)).await;
        assert_eq!(fetch(&server, Method::ExecutionWitness).await.unwrap(), *EXAMPLE, "{:?}", reply());
        assert_eq!(server.count("eth_chainId"), 2, "{:?}", reply());
        assert_eq!(server.count("debug_executionWitnessByBlockHash"), 2, "{:?}", reply());
    }
    // A missing method is not a rate limit, even if the message mentions a plan.
    let server = serve(|call, _| {
        call.method
            .starts_with("debug_")
            .then(|| Reply::Error(-32601, "not found: upgrade your plan for more credits".into()))
    })
    .await;
    assert_eq!(fetch(&server, Method::Auto).await.unwrap(), *EXAMPLE);
    assert_eq!(server.count("debug_executionWitnessByBlockHash"), 1);
}

/// HTTP headers of the same name are all sent.
#[tokio::test(flavor = "multi_thread")]
async fn headers_may_have_one_name() {
    let server = serve(|_, _| None).await;
    let headers = ["X-Key: first-one", "X-Key: second-one"].map(|header| header.parse().unwrap()).to_vec();
    let options = with_rpc(options(&server, Method::Auto), |rpc| rpc.headers = headers);
    fetch_with(options, BlockSelector::Latest).await.unwrap();
    for call in server.calls() {
        let head = call.head.to_lowercase();
        assert!(head.contains("x-key: first-one\r\n") && head.contains("x-key: second-one\r\n"), "{head}");
        assert_eq!(head.matches("content-type:").count(), 1, "{head}");
    }
}

/// The witness of a block that reads the hash of its 200th ancestor lacks the headers.
#[tokio::test(flavor = "multi_thread")]
async fn missing_headers_are_fetched_together() {
    // PUSH1 c8 NUMBER SUB BLOCKHASH PUSH0 SSTORE
    let (chain, input) = chain_that_runs(&hex!("60c84303405f55"), 210);
    assert_eq!(input.witness.headers.len(), 199);
    for canonical in [true, false] {
        for method in [Method::ExecutionWitness, Method::Proofs] {
            let node = ReplayNode::of_input(&input).with_state(&chain);
            let server = RpcServer::start(move |call| match call.method.as_str() {
                // The block is not on the node's canonical chain.
                "eth_getBlockByNumber" if !canonical && call.index > 0 => Reply::Result(Value::Null),
                "debug_executionWitnessByBlockHash" => {
                    altered(&node, call, |witness| witness["headers"] = Value::Null).unwrap()
                }
                _ => node.answer(call),
            })
            .await;
            let options = with_rpc(options(&server, method), |rpc| rpc.timeout = Duration::from_secs(30));
            let (fetched, events) = fetch_with_events(options).await;
            assert_eq!(fetched, input);
            let validations = events.iter().filter(|event| **event == Event::Validating).count();
            let most = if canonical { 3 } else { 6 };
            assert!(validations <= most, "{method:?} {canonical}: {validations} validations");
        }
    }
}

/// The block reads the hashes of 250 ancestors, from the newest to the oldest.
#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_read_one_after_the_other_are_fetched_together() {
    // PUSH1 1, and in a loop: DUP1 NUMBER SUB BLOCKHASH POP PUSH1 1 ADD, as long as it is below 251.
    let (chain, input) = chain_that_runs(&hex!("60015b80430340506001018060fb1160025700"), 255);
    let number = decode_block(&input.blocks[0]).unwrap().header.number;
    assert_eq!(input.witness.headers.len(), 249);
    for failing in [false, true] {
        let node = ReplayNode::of_input(&input).with_state(&chain);
        let server = RpcServer::start(move |call| {
            // The first of many headers is not available by its number.
            let first =
                (number - 3..=number - 2).any(|number| call.params[0] == json!(format!("{number:#x}")));
            match call.method.as_str() {
                "eth_getBlockByNumber" if failing && first => Reply::Error(-32000, "no such header".into()),
                _ => node.answer(call),
            }
        })
        .await;
        let options = with_rpc(options(&server, Method::Proofs), |rpc| rpc.timeout = Duration::from_secs(30));
        assert_eq!(fetch_with(options, BlockSelector::Latest).await.unwrap(), input);
        let one_by_one = server.count("eth_getBlockByHash");
        assert!(one_by_one < 12, "{failing}: {one_by_one} requests one after the other");
        let together = server.count("eth_getBlockByNumber");
        assert!(together < 300, "{failing}: {together} requests");
    }
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

/// Log of all crates.
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
    const SECRETS: [&str; 6] =
        ["AliceUser", "Pa55word", "k3y0123456789abcdef", "QuerySecret", "HeaderSecret", "TokenSecret"];
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .init();

    // Errors of every kind. Most of them repeat the request.
    let faults: [fn(&Call) -> Reply; 7] = [
        |_| Reply::Error(-32000, SECRETS.join(" or ")),
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
        let options = with_rpc(options(&server, Method::Auto), |rpc| {
            rpc.url = url;
            rpc.headers = vec![
                "X-Api-Key: HeaderSecret".parse().unwrap(),
                "X-Authorization: Bearer TokenSecret".parse().unwrap(),
            ];
        });
        let fetcher = Fetcher::new(options.clone()).unwrap();
        let error = fetcher.fetch(&BlockSelector::Latest, Arc::new(|_| ())).await.unwrap_err();
        shown.extend([
            format!("{error}"),
            format!("{error:?}"),
            format!("{fetcher:?}"),
            format!("{options:?}"),
        ]);
        // The node received all secrets.
        let head = &server.calls()[0].head;
        for secret in [SECRETS[2], SECRETS[3], SECRETS[4], SECRETS[5]] {
            assert!(head.contains(secret), "{head}");
        }
        assert!(head.to_lowercase().contains("authorization: basic"), "{head}");
        // The server no longer listens.
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
