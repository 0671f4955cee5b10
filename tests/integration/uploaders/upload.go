// Uploads with Go: PORT VERSION SIZE TRIES IS_CHUNKED IS_SECOND, one status a line.
// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

func number(at int) int {
	value, err := strconv.Atoi(os.Args[at])
	if err != nil {
		panic(err)
	}
	return value
}

func once(scheme string, version uint16, size int, isChunked, isSecond bool) string {
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	base := scheme + "://127.0.0.1:" + os.Args[1]
	if isSecond {
		answer, err := client.Get(base + "/open")
		if err != nil {
			return err.Error()
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	var body io.Reader = bytes.NewReader(make([]byte, size))
	if isChunked {
		body = io.MultiReader(body)
	}
	answer, err := client.Post(base+"/guarded", "application/octet-stream", body)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	if len(page) > 0 {
		return fmt.Sprint(answer.StatusCode, " True")
	}
	return fmt.Sprint(answer.StatusCode, " False")
}

func main() {
	scheme := "https"
	version := uint16(tls.VersionTLS13)
	if os.Args[2] == "1.2" {
		version = tls.VersionTLS12
	} else if os.Args[2] == "plain" {
		scheme = "http"
	}
	for i := 0; i < number(4); i++ {
		fmt.Println(once(scheme, version, number(3), number(5) == 1, number(6) == 1))
	}
}
