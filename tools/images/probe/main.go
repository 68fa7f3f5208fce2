// Command probe is the workload of our own cluster tests: it serves, asks and looks names up, so that a test can tell
// from inside a pod whether Services, pod networks and cluster DNS work. Its answers are one line each.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const usage = `usage:
  probe serve [ADDRESS]   answer every request with host name and peer (default :8080)
  probe get URL           print the answer to one GET
  probe dns NAME          print the addresses of NAME
  probe fill MIB          take so much memory and keep it
  probe sleep             do nothing until stopped
`

const timeout = 5 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	// The first process of a container has no default action for SIGTERM: without this a pod takes 30 s to end.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch {
	case len(arguments) == 2 && arguments[0] == "fill":
		return fill(ctx, arguments[1])
	case len(arguments) >= 1 && arguments[0] == "serve":
		address := ":8080"
		if len(arguments) > 1 {
			address = arguments[1]
		}
		return serve(ctx, address)
	case len(arguments) == 2 && arguments[0] == "get":
		return get(ctx, arguments[1])
	case len(arguments) == 2 && arguments[0] == "dns":
		return lookUp(ctx, arguments[1])
	case len(arguments) == 1 && arguments[0] == "sleep":
		<-ctx.Done()
		return nil
	default:
		return fmt.Errorf("%s", strings.TrimSpace(usage))
	}
}

func serve(ctx context.Context, address string) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	server := http.Server{
		Addr:              address,
		ReadHeaderTimeout: timeout,
		Handler: http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
			fmt.Fprintf(response, "%s answers %s\n", name, request.RemoteAddr)
		}),
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func get(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}

func lookUp(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return err
	}
	sort.Strings(addresses)
	fmt.Println(strings.Join(addresses, " "))
	return nil
}

// fill takes memory, a mebibyte after the other, and writes to every page of it, for only then is it taken.
func fill(ctx context.Context, text string) error {
	mebibytes, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	var kept [][]byte
	for range mebibytes {
		block := make([]byte, 1<<20)
		for page := 0; page < len(block); page += 4096 {
			block[page] = 1
		}
		kept = append(kept, block)
	}
	fmt.Printf("holds %d MiB\n", len(kept))
	<-ctx.Done()
	runtime.KeepAlive(kept)
	return nil
}
