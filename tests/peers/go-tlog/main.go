// Command go-tlog checks ledgers and their proof files with the Go project's own packages for
// transparent logs, golang.org/x/mod/sumdb/tlog and note.
//
//	go-tlog log VERIFIER-KEY DIRECTORY [KEPT-CHECKPOINT]
//	go-tlog proof VERIFIER-KEY FILE
//
// The first opens the checkpoint, recomputes the tree's hash from the tiles, checks that every
// entry is the one its leaf hash says, proves and checks a sample of inclusions and consistencies,
// and, if a kept checkpoint is given, that the log continues it. The second checks one C2SP
// tlog-proof that carries its entry, and prints the entry. Any doubt ends in exit code 1.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// directory reads tiles under the names of C2SP tlog-tiles, which leave out the height.
type directory struct {
	root string
}

func (d directory) Height() int { return height }

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := d.readTile(tile)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) readTile(tile tlog.Tile) ([]byte, error) {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	data, err := os.ReadFile(filepath.Join(d.root, "tile", path))
	if errors.Is(err, os.ErrNotExist) && tile.W < 1<<height {
		full := tile
		full.W = 1 << height
		data, err = d.readTile(full)
		if err == nil {
			data = data[:tile.W*tlog.HashSize]
		}
	}
	return data, err
}

func (d directory) entries(size int64) ([][]byte, error) {
	var entries [][]byte
	for start := int64(0); start < size; start += 256 {
		width := min(256, size-start)
		name := strings.Replace(
			tlog.Tile{H: height, L: 0, N: start / 256, W: int(width)}.Path(),
			fmt.Sprintf("tile/%d/0/", height), "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(d.root, name))
		if err != nil {
			return nil, err
		}
		for ; width > 0; width-- {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s is cut short", name)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:end])
			data = data[end:]
		}
		if len(data) != 0 {
			return nil, fmt.Errorf("%s has more than its entries", name)
		}
	}
	return entries, nil
}

func openCheckpoint(path string, verifier note.Verifier) (tlog.Tree, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	tree, err := parseCheckpoint(data, verifier)
	if err != nil {
		return tree, fmt.Errorf("%s: %w", path, err)
	}
	return tree, nil
}

func parseCheckpoint(data []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

func checkLog(verifier note.Verifier, root, kept string) (tlog.Tree, error) {
	tree, err := openCheckpoint(filepath.Join(root, "checkpoint"), verifier)
	if err != nil {
		return tree, err
	}
	reader := tlog.TileHashReader(tree, directory{root})
	hash, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return tree, err
	}
	if hash != tree.Hash {
		return tree, fmt.Errorf("tree hash: expected %v, got %v", tree.Hash, hash)
	}
	if err := checkEntries(root, tree, reader); err != nil {
		return tree, err
	}
	if err := checkPast(tree, reader); err != nil {
		return tree, err
	}
	if kept == "" {
		return tree, nil
	}
	past, err := openCheckpoint(kept, verifier)
	if err != nil {
		return tree, err
	}
	return tree, checkConsistency(tree, past, reader)
}

func checkEntries(root string, tree tlog.Tree, reader tlog.HashReader) error {
	entries, err := directory{root}.entries(tree.N)
	if err != nil {
		return err
	}
	step := tree.N/50 + 1
	for index, entry := range entries {
		n := int64(index)
		leaf := tlog.RecordHash(entry)
		stored, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err != nil {
			return err
		}
		if stored[0] != leaf {
			return fmt.Errorf("entry %d: expected %v, got %v", n, stored[0], leaf)
		}
		if n%step != 0 && n != tree.N-1 {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, n, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf); err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
	}
	return nil
}

func checkPast(tree tlog.Tree, reader tlog.HashReader) error {
	for size := int64(1); size <= tree.N; size += tree.N/50 + 1 {
		hash, err := tlog.TreeHash(size, reader)
		if err != nil {
			return err
		}
		if err := checkConsistency(tree, tlog.Tree{N: size, Hash: hash}, reader); err != nil {
			return err
		}
	}
	return nil
}

func checkConsistency(tree, past tlog.Tree, reader tlog.HashReader) error {
	if past.N > tree.N {
		return fmt.Errorf("the log has %d entries, it had %d", tree.N, past.N)
	}
	if past.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, past.N, reader)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, past.N, past.Hash); err != nil {
		return fmt.Errorf("the log does not continue what it was at %d: %w", past.N, err)
	}
	return nil
}

// checkProof follows C2SP tlog-proof: header, extra, index, hashes, an empty line, a checkpoint.
func checkProof(verifier note.Verifier, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	head, checkpoint, found := strings.Cut(string(data), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return nil, errors.New("not a proof with its entry")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return nil, err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return nil, err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		proof = append(proof, hash)
	}
	tree, err := parseCheckpoint([]byte(checkpoint), verifier)
	if err != nil {
		return nil, err
	}
	return entry, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}

func run(arguments []string) (string, error) {
	if len(arguments) < 3 || len(arguments) > 4 {
		return "", errors.New("usage: go-tlog log|proof VERIFIER-KEY PATH [KEPT-CHECKPOINT]")
	}
	verifier, err := note.NewVerifier(arguments[1])
	if err != nil {
		return "", err
	}
	if arguments[0] == "proof" {
		entry, err := checkProof(verifier, arguments[2])
		return string(entry), err
	}
	kept := strings.Join(arguments[3:], "")
	tree, err := checkLog(verifier, arguments[2], kept)
	return fmt.Sprint(tree.N, " ", tree.Hash), err
}

func main() {
	answer, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-tlog:", err)
		os.Exit(1)
	}
	fmt.Println(answer)
}
