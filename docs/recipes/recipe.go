// Signs a request and sends it. Go 1.19 or newer, no modules.
//
//	LP_RELAY=https://relay.example LP_KEY=lp_live_… LP_SECRET=lps_… go run recipe.go GET /api/links/verify
//	… go run recipe.go POST /api/links/fetch '{"idempotencyKey":"a","trackingUrl":"https://trk.example/a","source":"platform_api","rowId":"a"}'
//
// With LP_PRINT=1 it prints the signature instead of sending anything.
package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	method, target, body := os.Args[1], os.Args[2], ""
	if len(os.Args) > 3 {
		body = os.Args[3]
	}
	timestamp := os.Getenv("LP_TIMESTAMP")
	if timestamp == "" {
		timestamp = strconv.FormatInt(time.Now().Unix(), 10)
	}
	nonce := os.Getenv("LP_NONCE")
	if nonce == "" {
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			log.Fatal(err)
		}
		nonce = hex.EncodeToString(random)
	}

	// The POST of a single fetch is signed over its body; everything else also names method, path and query.
	signed := method + " " + target + "\n" + body
	if method == "POST" && target == "/api/links/fetch" {
		signed = body
	}
	mac := hmac.New(sha256.New, []byte(os.Getenv("LP_SECRET")))
	mac.Write([]byte(timestamp + "." + nonce + "." + signed))
	signature := hex.EncodeToString(mac.Sum(nil))

	if os.Getenv("LP_PRINT") != "" {
		fmt.Println(signature)
		return
	}
	request, err := http.NewRequest(method, os.Getenv("LP_RELAY")+target, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Link-Peeler-Key", os.Getenv("LP_KEY"))
	request.Header.Set("X-Link-Peeler-Timestamp", timestamp)
	request.Header.Set("X-Link-Peeler-Nonce", nonce)
	request.Header.Set("X-Link-Peeler-Signature", signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		log.Fatal(err)
	}
	fmt.Println()
	if response.StatusCode/100 != 2 {
		os.Exit(1)
	}
}
