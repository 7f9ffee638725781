// Package safehttp is the way out to HTTP for drivers. A URL in a job is written by a user, so it is a request that our
// machine makes on behalf of somebody who may not make it himself: this client holds rules R55 to R59 of the reliability
// paper, which keep such a request on the public internet and within bounds.
//
//	client, err := safehttp.New(safehttp.Policy{}) // the zero policy is the closed one
//	resp, err := client.Do(ctx, safehttp.Request{URL: "https://example.com/hook", Method: "POST", Body: body})
//
// Guarantees: only http and https; the address that is really dialled is judged, for every attempt and every hop, so that
// neither a name that resolves to an inner address nor a redirect nor a changed DNS answer gets in; no proxy from the
// environment; bounded time, header and body; a refusal tells the rule and not the address.
//
// It does not sign, retry, keep cookies or speak HTTP/2. With a proxy the last step to the target is the proxy's: only
// literal addresses can be judged here, so the proxy must have rules of its own.
package safehttp
