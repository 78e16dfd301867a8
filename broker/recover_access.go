package broker

import (
	"errors"
)

var errNoUser = errors.New("its user is missing")

func (r *recovery) user(id uint64, e userEntity) error {
	a := r.broker.access
	if a.users[e.name] != nil {
		return errTwice
	}
	if e.hash != "" {
		if err := checkHash(e.hash, e.algorithm); err != nil {
			return err
		}
	}
	r.users[id] = a.add(id, e)
	return nil
}

func (r *recovery) permission(id uint64, e permissionEntity) error {
	u, v, err := r.whose(e.user, e.vhost)
	if err != nil {
		return err
	}
	if u.permissions[v] != nil {
		return errTwice
	}
	p, err := newPermission(e)
	if err != nil {
		return err
	}
	p.id = id
	u.permissions[v] = p
	return nil
}

func (r *recovery) topicPermission(id uint64, e topicPermissionEntity) error {
	u, v, err := r.whose(e.user, e.vhost)
	if err != nil {
		return err
	}
	of := topicOf{v, e.exchange}
	if u.topics[of] != nil {
		return errTwice
	}
	p, err := newTopicPermission(e, u.name, v.name)
	if err != nil {
		return err
	}
	p.id = id
	u.topics[of] = p
	return nil
}

// whose are the user and the vhost of a permission.
func (r *recovery) whose(userID, vhostID uint64) (*user, *vhost, error) {
	u, v := r.users[userID], r.vhosts[vhostID]
	switch {
	case u == nil:
		return nil, nil, errNoUser
	case v == nil:
		return nil, nil, errNoVhost
	}
	return u, v, nil
}

func (r *recovery) vhostLimits(id uint64, e vhostLimitsEntity) error {
	v, err := r.within(e.vhost, func(v *vhost) bool { return v.limitsID != 0 })
	if err != nil {
		return err
	}
	v.limits, v.limitsID = e.limits, id
	return nil
}
