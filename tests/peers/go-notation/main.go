// Command go-notation signs and verifies artifacts with the Notary Project's own notation-go.
//
//	go-notation sign KEY CERTIFICATES MEDIA-TYPE DESCRIPTOR EXPIRY-SECONDS
//	go-notation verify CONFIGURATION MEDIA-TYPE DESCRIPTOR < ENVELOPE
//
// The first writes an envelope. The second trusts the stores under CONFIGURATION that are called
// `test` and any identity, at the level `strict`, and ends in exit code 1 where it refuses.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/signer"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	var err error
	if len(os.Args) == 7 && os.Args[1] == "sign" {
		err = sign(os.Args[2:])
	} else if len(os.Args) == 5 && os.Args[1] == "verify" {
		err = verify(os.Args[2:])
	} else {
		err = fmt.Errorf("usage: go-notation sign|verify ...")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func sign(args []string) error {
	var target ocispec.Descriptor
	if err := json.Unmarshal([]byte(args[3]), &target); err != nil {
		return err
	}
	expiry, err := strconv.Atoi(args[4])
	if err != nil {
		return err
	}
	made, err := signer.NewFromFiles(args[0], args[1])
	if err != nil {
		return err
	}
	options := notation.SignerSignOptions{
		SignatureMediaType: args[2],
		ExpiryDuration:     time.Duration(expiry) * time.Second,
	}
	envelope, _, err := made.Sign(context.Background(), target, options)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(envelope)
	return err
}

func verify(args []string) error {
	var target ocispec.Descriptor
	if err := json.Unmarshal([]byte(args[2]), &target); err != nil {
		return err
	}
	envelope, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	policy := trustpolicy.Document{
		Version: "1.0",
		TrustPolicies: []trustpolicy.TrustPolicy{{
			Name:                  "test",
			RegistryScopes:        []string{"*"},
			SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: "strict"},
			TrustStores:           []string{"ca:test", "signingAuthority:test"},
			TrustedIdentities:     []string{"*"},
		}},
	}
	store := truststore.NewX509TrustStore(dir.NewSysFS(args[0]))
	checker, err := verifier.New(&policy, store, nil)
	if err != nil {
		return err
	}
	options := notation.VerifierVerifyOptions{
		ArtifactReference:  "registry.example/app@" + target.Digest.String(),
		SignatureMediaType: args[1],
	}
	_, err = checker.Verify(context.Background(), target, envelope, options)
	return err
}
