//! The witness from `debug_executionWitness`, in the variants of the clients.

use crate::{
    block_json::read_header,
    blocks::SealedHeader,
    error::FetchError,
    json::{ByteStrings, Object, parse},
    rpc::{Effort, Rpc, error::Problem},
};
use alloy_primitives::Bytes;
use serde_json::{json, value::RawValue};
use tracing::debug;
use zeno_guest_evm::Witness;

/// Name of the method, for errors too.
pub(crate) const METHOD: &str = "debug_executionWitness";

/// Fetches the witness of a block, unchecked. It costs the node much, so each variant of the method is called once, and
/// none after one that took too long.
///
/// # Errors
/// [`FetchError::NoWitnessMethod`] if the node has no such method, another error if the last variant of it fails.
pub(crate) async fn fetch(rpc: &Rpc, block: &SealedHeader) -> Result<Witness, FetchError> {
    // Reth has a separate method for hashes. In other clients the same method takes a hash, or only a number.
    let by_hash = json!([block.hash]);
    let by_number = json!([format!("{:#x}", block.header.number)]);
    let variants =
        [("debug_executionWitnessByBlockHash", &by_hash), (METHOD, &by_hash), (METHOD, &by_number)];
    let mut unsupported = None;
    let mut refused = None;
    for (method, params) in variants {
        match rpc.ask_optional(method, params, Effort::Heavy, read).await {
            Ok(Some(witness)) => return Ok(witness),
            Ok(None) => refused = Some(rpc.null(method)),
            Err(error) if error.is_unsupported() => unsupported = Some(error),
            Err(error) if error.problem.is_slow() => return Err(error.into()),
            Err(error)
                if matches!(
                    error.problem,
                    Problem::Answer { .. } | Problem::Malformed(_) | Problem::Status { .. }
                ) =>
            {
                debug!(%error, "variant of the method refused");
                refused = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(match (refused, unsupported) {
        (Some(error), _) => error.into(),
        (None, Some(error)) => FetchError::NoWitnessMethod(error),
        (None, None) => unreachable!("each variant that isn't returned from fails one way or the other"),
    })
}

/// Reads the clients' answers: lists of byte strings, or maps from hash to preimage; headers in RLP or JSON.
fn read(value: &RawValue) -> Result<Witness, String> {
    let object = Object::parse(value)?;
    let byte_strings = |name| object.or_empty::<ByteStrings>(&[name]).map(|ByteStrings(items)| items);
    let headers = object.list(&["headers"], |header| match header.get().starts_with('{') {
        true => read_header(header).map(|read| alloy_rlp::encode(read.header).into()),
        false => parse::<Bytes>(header),
    })?;
    Ok(Witness { headers, codes: byte_strings("codes")?, state: byte_strings("state")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Header;
    use serde_json::Value;

    fn read(json: &Value) -> Witness {
        super::read(&serde_json::value::to_raw_value(json).unwrap()).unwrap()
    }

    /// The draft of a standard (execution-apis 847): lists of byte strings, of which that of keys may be absent. Headers are
    /// in ascending order and end with the parent.
    #[test]
    fn the_standards_shape_is_read() {
        let headers =
            [7, 8, 9].map(|number| Bytes::from(alloy_rlp::encode(Header { number, ..Header::default() })));
        let [state, codes] = [["0xc0", "0xf801"], ["0x00", "0x6001"]];
        let bytes = |list: [&str; 2]| list.map(|item| item.parse::<Bytes>().unwrap()).to_vec();
        let expected = Witness { headers: headers.to_vec(), codes: bytes(codes), state: bytes(state) };
        let whole = json!({ "state": state, "codes": codes, "headers": headers, "keys": ["0x01"] });
        assert_eq!(read(&whole), expected);
        for keys in [None, Some(Value::Null), Some(json!([])), Some(json!({}))] {
            let mut altered = whole.clone();
            match keys {
                Some(keys) => altered["keys"] = keys,
                None => drop(altered.as_object_mut().unwrap().remove("keys")),
            }
            assert_eq!(read(&altered), expected);
        }
    }

    /// Clients differ from it in all of its parts.
    #[test]
    fn other_shapes_are_read() {
        let header = Header { number: 9, ..Header::default() };
        let rlp = Bytes::from(alloy_rlp::encode(&header));
        for headers in [json!([rlp]), json!([header]), json!([null, rlp])] {
            assert_eq!(read(&json!({ "headers": headers })).headers, std::slice::from_ref(&rlp));
        }
        for empty in [Value::Null, json!([]), json!({})] {
            let witness = read(&json!({ "state": empty, "codes": empty }));
            assert_eq!(witness, Witness::default());
        }
        for list in
            [json!(["0x01", "0x02"]), json!({ "a": "0x01", "b": "0x02" }), json!(["0x01", null, "0x02"])]
        {
            let witness = read(&json!({ "state": list, "codes": list, "headers": null }));
            assert_eq!(witness.state, [Bytes::from_static(&[1]), Bytes::from_static(&[2])]);
            assert_eq!(witness.codes, witness.state);
        }
    }
}
