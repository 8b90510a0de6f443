package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kymohq/kymo/health"
	goredis "github.com/redis/go-redis/v9"
)

const clusterSlots = 16384

// redisCluster probes a cluster: what one node reports of it, and whether each
// primary answers. The driver's own client would follow each command to its
// node and hide which node has a problem.
type redisCluster struct {
	spec    *Spec
	options redisOptions
	seeds   []*redisNode
	nodes   map[string]*redisNode // primaries by address
}

func newRedisCluster(s *Spec, a *address, options redisOptions) (*redisCluster, error) {
	if err := a.onlyOptions("skip_verify"); err != nil {
		return nil, err
	}
	if a.path != "" && a.path != "0" {
		return nil, wrong("url", "must not name a database: a cluster has none but 0")
	}
	r := &redisCluster{spec: s, options: options, nodes: make(map[string]*redisNode)}
	for _, host := range a.hosts {
		r.seeds = append(r.seeds, newRedisNode(host, options))
	}
	return r, nil
}

// clusterView is the cluster as one node sees it.
type clusterView struct {
	state   redisInfo // nil if the user may not ask for it
	listed  int64     // slots that some node has
	primary []string  // addresses
	scratch string    // the node that has the scratch key
}

func (r *redisCluster) run(ctx context.Context) (health.Details, error) {
	var view clusterView
	err := firstThatAnswers(ctx, r.seeds, func(ctx context.Context, client *goredis.Client) (err error) {
		view, err = askCluster(ctx, client, r.spec.ScratchKey)
		return err
	})
	if err != nil {
		return nil, err
	}
	ok := view.listed
	if view.state != nil {
		ok = view.state.number("cluster_slots_ok")
	}
	details := health.Details{"primaries": len(view.primary), "slots": ok}
	served := fmt.Sprintf("%d of %d slots are served", ok, clusterSlots)
	if state := view.state["cluster_state"]; view.state != nil && state != "ok" {
		return details, fault("the cluster takes no queries: " + served)
	}
	err = r.runAll(ctx, view, details)
	if ok < clusterSlots && health.StatusOf(err) < health.Degraded {
		// With cluster-require-full-coverage no, the other slots are still served.
		err = health.Degradedf("%s", served)
	}
	return details, err
}

// askCluster returns a node's view.
func askCluster(ctx context.Context, client *goredis.Client, scratch string) (view clusterView, err error) {
	pipe := client.Pipeline()
	state, slots := pipe.ClusterInfo(ctx), pipe.ClusterSlots(ctx)
	var slot *goredis.IntCmd
	if scratch != "" {
		slot = pipe.ClusterKeySlot(ctx, scratch)
	}
	// Where there is no connection, only Exec has an error.
	if _, err := pipe.Exec(ctx); err != nil && !isNoPermission(state.Err()) && !isNoPermission(slots.Err()) {
		return view, err
	}
	if err := slots.Err(); isNoPermission(err) {
		return view, fault("the user may not use CLUSTER SLOTS, which tells the cluster's nodes: grant it with +cluster|slots")
	} else if err != nil {
		return view, err
	}
	if state.Err() == nil {
		view.state = parseInfo(state.Val())
	}
	for _, some := range slots.Val() {
		if len(some.Nodes) == 0 {
			continue
		}
		view.listed += int64(some.End-some.Start) + 1
		addr := some.Nodes[0].Addr // the primary
		if !slices.Contains(view.primary, addr) {
			view.primary = append(view.primary, addr)
		}
		if slot != nil && int64(some.Start) <= slot.Val() && slot.Val() <= int64(some.End) {
			view.scratch = addr
		}
	}
	return view, nil
}

// runAll probes all primaries at once and reports the worst.
func (r *redisCluster) runAll(ctx context.Context, view clusterView, details health.Details) error {
	for addr, node := range r.nodes {
		if !slices.Contains(view.primary, addr) {
			node.close()
			delete(r.nodes, addr)
		}
	}
	infos, errs := make([]redisInfo, len(view.primary)), make([]error, len(view.primary))
	var all sync.WaitGroup
	for i, addr := range view.primary {
		if r.nodes[addr] == nil {
			r.nodes[addr] = newRedisNode(addr, r.options)
		}
		node, scratch := r.nodes[addr], ""
		if addr == view.scratch {
			scratch = r.spec.ScratchKey
		}
		all.Go(func() { infos[i], errs[i] = node.ask(ctx, scratch) })
	}
	all.Wait()
	var f findings
	var memory int64
	for i, addr := range view.primary {
		if errs[i] != nil {
			return r.failed(addr, errs)
		}
		one, its := health.Details{}, findings{}
		infos[i].judge(r.spec, one, &its)
		for _, problem := range its.degraded {
			f.degradef("%s: %s", addr, problem)
		}
		if i == 0 { // what the user may not ask one node, it may ask none
			f.unknown = its.unknown
			details["version"] = one["version"]
		}
		memory += infos[i].number("used_memory")
	}
	details["memory_bytes"] = memory
	return f.err()
}

// failed returns which node did not answer, or how many.
func (r *redisCluster) failed(first string, errs []error) error {
	bad := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	answer := goredis.Error(nil)
	if len(bad) == len(errs) || errors.As(bad[0], &answer) {
		return bad[0]
	}
	return fault(fmt.Sprintf("%d of %d primaries do not answer, %s among them", len(bad), len(errs), first))
}

func (r *redisCluster) drop() { r.close() }

func (r *redisCluster) close() {
	for _, seed := range r.seeds {
		seed.close()
	}
	for _, node := range r.nodes {
		node.close()
	}
}
