package jobs

// MaxOpenKeys is the bound of the cache of unwrapped keys.
const MaxOpenKeys = maxOpenKeys

// OpenKeys is how many unwrapped keys are in memory.
func (v *Vault) OpenKeys() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.open)
}
