package safehttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/carillon-go/carillon/drivers/safehttp"
)

func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()

	closed, err := safehttp.New(safehttp.Policy{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = closed.Do(context.Background(), safehttp.Request{URL: server.URL})
	fmt.Println(err)

	development, err := safehttp.New(safehttp.Policy{AllowPrivate: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer development.Close()
	resp, err := development.Do(context.Background(), safehttp.Request{URL: server.URL})
	fmt.Println(resp.Status, string(resp.Body), err)
	// Output:
	// request refused: the target is not a public address
	// 200 hello <nil>
}
