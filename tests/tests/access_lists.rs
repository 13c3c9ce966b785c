//! Fetching by a block's access list (EIP-7928): nodes that give it in every way, and nodes that lie.

use alloy_primitives::{Address, Bytes};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use zeno_guest_evm::{StatelessInput, chain::Chain};
use zeno_tests::{
    access_list::access_list,
    amsterdam,
    devchain::DevChain,
    replay::ReplayNode,
    rpc_server::{Call, Reply, RpcServer},
};
use zeno_witness_fetch::{BlockSelector, Event, FetchOptions, Fetcher, Method};

/// Methods that give a block's list.
const METHODS: [&str; 3] =
    ["eth_getBlockAccessList", "eth_getBlockAccessListByBlockHash", "debug_getRawBlockAccessList"];

/// Fetches the latest block by proofs. Returns its input, and the number of requests after the execution began.
async fn fetch(server: &Arc<RpcServer>, chain: &DevChain) -> (StatelessInput, usize) {
    let before = Arc::new(AtomicUsize::new(0));
    let progress = {
        let (server, before) = (server.clone(), before.clone());
        Arc::new(move |event: Event| {
            if matches!(event, Event::Executing { .. }) {
                before.store(server.calls().len(), Ordering::SeqCst);
            }
        })
    };
    let options = FetchOptions {
        method: Method::Proofs,
        chain: Some(Chain { spec: chain.spec.clone(), end: None }),
        ..FetchOptions::new(server.url())
    };
    let input = Fetcher::new(options).unwrap().fetch(&BlockSelector::Latest, progress).await.unwrap();
    (input, server.calls().len() - before.load(Ordering::SeqCst))
}

/// Starts a node of the block, which answers for its access list by `list`; where that has no answer, the node has no such
/// method. `beside` is the list that stands in the block's JSON.
async fn node(
    chain: &DevChain,
    input: &StatelessInput,
    beside: Option<Value>,
    list: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static,
) -> Arc<RpcServer> {
    let node = ReplayNode::of_input(input).with_state(chain);
    let answer = move |call: &Call| match (call.method.as_str(), &beside) {
        ("eth_getBlockByHash", Some(beside)) if call.params[1] == true => match node.answer(call) {
            Reply::Result(mut block) => {
                block["blockAccessList"] = beside.clone();
                Reply::Result(block)
            }
            other => other,
        },
        (method, _) if METHODS.contains(&method) => list(method)
            .unwrap_or_else(|| Reply::Error(-32601, format!("the method {method} does not exist"))),
        _ => node.answer(call),
    };
    Arc::new(RpcServer::start(answer).await)
}

/// With the list, the whole state is asked for before the execution, and so is what removals need: the list, the proofs, and
/// the codes are three rounds of requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_leaves_nothing_to_be_fetched_during_the_execution() {
    let mut chain = amsterdam::chain(1);
    let input = amsterdam::append(&mut chain);
    let list = access_list(&input);
    let rlp = json!(Bytes::from(alloy_rlp::encode(&list)));
    let list = json!(list);
    for (method, answer) in [(METHODS[0], &list), (METHODS[1], &list), (METHODS[2], &rlp), (METHODS[0], &rlp)]
    {
        let answer = answer.clone();
        let server =
            node(&chain, &input, None, move |asked| (asked == method).then(|| Reply::Result(answer.clone())))
                .await;
        assert!(fetch(&server, &chain).await == (input.clone(), 0), "{method}");
        assert_eq!(server.count("eth_createAccessList"), 0, "{method}");
    }
    for beside in [&list, &rlp] {
        let server = node(&chain, &input, Some(beside.clone()), |_| None).await;
        assert!(fetch(&server, &chain).await == (input.clone(), 0));
        assert!(METHODS.iter().all(|method| server.count(method) == 0));
    }
    // Without it, what is missing is fetched when it is read.
    let server = node(&chain, &input, None, |_| None).await;
    let (fetched, later) = fetch(&server, &chain).await;
    assert!(fetched == input && later > 0);
    assert!(METHODS.iter().all(|method| server.count(method) == 1));
    assert!(server.count("eth_createAccessList") > 0);
}

/// Fetches the block from a node that takes its time for each answer. Returns the number of rounds: the requests of a round
/// are sent together.
async fn rounds(chain: &DevChain, input: &StatelessInput, has_list: bool) -> usize {
    /// Time that an answer takes, which is far more than a pause between the requests of a round.
    const DELAY: Duration = Duration::from_millis(300);
    let node = ReplayNode::of_input(input).with_state(chain);
    let times = Arc::new(Mutex::new(Vec::new()));
    let answer = {
        let times = times.clone();
        move |call: &Call| {
            if METHODS.contains(&&*call.method) && !has_list {
                return Reply::Error(-32601, format!("the method {} does not exist", call.method));
            }
            times.lock().unwrap().push(Instant::now());
            match node.answer(call) {
                Reply::Result(value) => Reply::Late(DELAY, value),
                other => other,
            }
        }
    };
    let server = Arc::new(RpcServer::start(answer).await);
    assert!(fetch(&server, chain).await.0 == *input);
    let times = times.lock().unwrap();
    1 + times.windows(2).filter(|pair| pair[1] - pair[0] > DELAY / 2).count()
}

/// The replaying node has the list of its block. A fetch that believes it takes fewer rounds of requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_saves_rounds() {
    let mut chain = amsterdam::chain(1);
    let input = amsterdam::append(&mut chain);
    let node = ReplayNode::of_input(&input).with_state(&chain);
    let server = Arc::new(RpcServer::start(move |call| node.answer(call)).await);
    assert!(fetch(&server, &chain).await == (input.clone(), 0));
    let counts = METHODS.map(|method| server.count(method));
    assert_eq!((counts, server.count("eth_createAccessList")), ([1, 0, 0], 0));

    let [with, without] = [rounds(&chain, &input, true).await, rounds(&chain, &input, false).await];
    println!("{with} rounds with the list, {without} without it");
    // The chain's id, the header, the block, its parent; the list, the proofs, the codes.
    assert_eq!(with, 7);
    // This node has no `eth_createAccessList`, and refuses at once. What is missing is fetched when it is read.
    assert!(with < without, "{with} rounds with the list, {without} without it");
}

/// The same input comes of a witness, of proofs, and of what the fetcher chooses.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_amsterdam_is_fetched_in_every_way() {
    let mut chain = amsterdam::chain(1);
    let input = amsterdam::append(&mut chain);
    for (method, by_witness) in
        [(Method::Auto, true), (Method::ExecutionWitness, true), (Method::Proofs, false)]
    {
        let node = ReplayNode::of_input(&input).with_state(&chain);
        let server = RpcServer::start(move |call| node.answer(call)).await;
        let options = FetchOptions {
            method,
            chain: Some(Chain { spec: chain.spec.clone(), end: None }),
            ..FetchOptions::new(server.url())
        };
        let fetcher = Fetcher::new(options).unwrap();
        let fetched = fetcher.fetch(&BlockSelector::Latest, Arc::new(|_| ())).await.unwrap();
        assert!(fetched == input, "{method:?}");
        assert_eq!(server.count("eth_getProof") == 0, by_witness, "{method:?}");
    }
}

/// A list decides nothing, whether it is false or can't be read.
#[tokio::test(flavor = "multi_thread")]
async fn false_lists_do_no_harm() {
    let mut chain = amsterdam::chain(1);
    let input = amsterdam::append(&mut chain);
    let list = json!(access_list(&input));
    let mut shortened = list.clone();
    shortened.as_array_mut().unwrap().pop();
    let mut altered = list.clone();
    altered
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|account| account["storageReads"] = json!(["0x1234"]));
    let invented = json!([{ "address": Address::repeat_byte(0x99), "storageReads": ["0x1", "0x2"] }]);
    for lie in [
        json!([]),
        json!("0xc0"),
        json!("0x"),
        json!({}),
        json!(7),
        Value::Null,
        json!([{ "address": "0x12" }]),
        shortened,
        altered,
        invented,
    ] {
        let answer = lie.clone();
        let server =
            node(&chain, &input, Some(lie.clone()), move |_| Some(Reply::Result(answer.clone()))).await;
        let (fetched, _) = fetch(&server, &chain).await;
        assert!(fetched == input, "{lie}");
        assert!(server.count("eth_createAccessList") > 0, "{lie}");
        // The right list is found after a false one.
        let (answer, right) = (lie.clone(), list.clone());
        let server = node(&chain, &input, Some(lie.clone()), move |method| {
            let list = if method == METHODS[1] { &right } else { &answer };
            Some(Reply::Result(list.clone()))
        })
        .await;
        assert!(fetch(&server, &chain).await == (input.clone(), 0), "{lie}");
    }
    for error in [(-32001, "Resource not found"), (4444, "Pruned history unavailable")] {
        let server =
            node(&chain, &input, None, move |_| Some(Reply::Error(error.0, error.1.to_owned()))).await;
        assert!(fetch(&server, &chain).await.0 == input);
    }
}
